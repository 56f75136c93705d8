// The camera: a live picture with the model's answer to every frame, a shutter, and a plain sentence where there is no
// camera to be had. One frame is on its way at a time, as small as networks look at pictures: the pace is the server's.

const FRAME = 224; // px, the shorter side of a frame that is only looked at
const SHOWN = 3; // labels

const REASONS = {
  NotAllowedError: "The browser may not use the camera. Allow it beside the address, or drop a picture instead.",
  NotFoundError: "This device has no camera that the browser can see. Drop a picture instead.",
  NotReadableError: "Another program uses the camera. Close it and try again, or drop a picture instead.",
};

export async function openCamera(kit, place, side, taken, { look, colour }) {
  const { el, button, icon, notice, percent, sleep } = kit;
  place.stop?.();
  const say = (sentence) => {
    place.hidden = false;
    place.replaceChildren(notice(sentence, button("plain", "Close", () => (place.hidden = true))));
  };
  if (!navigator.mediaDevices?.getUserMedia) {
    return say("This browser gives no camera to this page; it needs https or this very machine. Drop a picture instead.");
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
  } catch (error) {
    return say(REASONS[error.name] ?? "The camera could not be started. Drop a picture instead.");
  }
  const video = el("video", { srcObject: stream, autoplay: true, muted: true, playsInline: true });
  const stop = () => {
    stream.getTracks().forEach((track) => track.stop());
    place.hidden = true;
    place.replaceChildren();
    place.stop = undefined;
  };
  place.stop = stop;
  const picture = async (scale, quality) => {
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(video.videoWidth * scale)), Math.max(1, Math.round(video.videoHeight * scale)));
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    return canvas.convertToBlob({ type: "image/jpeg", quality });
  };
  let number = 0;
  const shoot = async () => {
    if (!video.videoWidth) return; // no frame has come yet
    const blob = await picture(Math.min(1, side / Math.max(video.videoWidth, video.videoHeight)), 0.92);
    number += 1;
    taken(new File([blob], `photograph ${number}.jpg`, { type: "image/jpeg" }));
  };

  const live = el("div.live-answer", { role: "status", "aria-live": "off" });
  const bars = Array.from({ length: SHOWN }, () => {
    const bar = { name: el("span.name"), fill: el("i"), share: el("span.share") };
    bar.node = el("div.rank", { hidden: true }, bar.name, el("span.track", {}, bar.fill), bar.share);
    return bar;
  });
  const pace = el("p.quiet.facts");
  live.append(...bars.map(({ node }) => node), pace);
  const times = [];
  function draw({ ranked, verdict_words: doubt }) {
    bars.forEach(({ node, name, fill, share }, at) => {
      node.hidden = at >= ranked.length;
      if (node.hidden) return;
      const { label, confidence } = ranked[at];
      name.textContent = name.title = label;
      share.textContent = percent(confidence);
      fill.style.setProperty("--c", colour(label) ?? "var(--quiet)");
      fill.style.setProperty("width", `${100 * confidence}%`);
      node.classList.toggle("best", at === 0);
    });
    times.push(performance.now());
    if (times.length > 12) times.shift();
    const each = times.length > 1 ? ((times.length - 1) * 1000) / (times.at(-1) - times[0]) : 0;
    pace.textContent = doubt || (each ? `${each.toFixed(each < 10 ? 1 : 0)} answers a second. Nothing of it is kept.` : "");
  }
  async function watch() {
    while (place.stop === stop) {
      if (!video.videoWidth || document.hidden) {
        await sleep(100);
        continue;
      }
      try {
        const frame = await picture(FRAME / Math.min(video.videoWidth, video.videoHeight), 0.85);
        if (place.stop === stop) draw(await look(frame)); // it may have been closed meanwhile
      } catch (error) {
        pace.textContent = error.message;
        await sleep(1000);
      }
    }
  }

  place.replaceChildren(video, live, el("div.row", {}, button("primary", [icon("camera"), "Take a picture"], shoot), button("", "Close the camera", () => place.stop())));
  place.hidden = false;
  watch();
}
