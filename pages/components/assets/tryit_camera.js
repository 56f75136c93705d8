// The camera: a live picture, a shutter, and a plain sentence where there is no camera to be had.

const REASONS = {
  NotAllowedError: "The browser may not use the camera. Allow it beside the address, or drop a picture instead.",
  NotFoundError: "This device has no camera that the browser can see. Drop a picture instead.",
  NotReadableError: "Another program uses the camera. Close it and try again, or drop a picture instead.",
};

export async function openCamera(kit, place, side, taken) {
  const { el, button, icon, notice } = kit;
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
  place.stop = () => {
    stream.getTracks().forEach((track) => track.stop());
    place.hidden = true;
    place.replaceChildren();
    place.stop = undefined;
  };
  let number = 0;
  const shoot = async () => {
    if (!video.videoWidth) return; // no frame has come yet
    const scale = Math.min(1, side / Math.max(video.videoWidth, video.videoHeight));
    const canvas = new OffscreenCanvas(Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale));
    canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
    number += 1;
    taken(new File([blob], `photograph ${number}.jpg`, { type: "image/jpeg" }));
  };
  place.replaceChildren(video, el("div.row", {}, button("primary", [icon("camera"), "Take a picture"], shoot), button("", "Close the camera", () => place.stop())));
  place.hidden = false;
}
