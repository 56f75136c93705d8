// The meter: labels a minute, and how good the instant model is, with its interval, after each refit.

const MINUTE_MS = 60000, LEAST_MS = 10000, KEPT = 60;
const WIDTH = 110, HEIGHT = 26;
const SVG = "http://www.w3.org/2000/svg";

export function meter(desk) {
  const { el, count } = desk.kit;
  const memory = `darkroom-meter-${desk.data.dataset_id}`;
  const seen = JSON.parse(sessionStorage.getItem(memory) ?? "[]"); // [{folder, accuracy, low, high}], this session
  const times = []; // of each label on disk, ms
  const speed = el("b.pace"), accuracy = el("b.accuracy"), line = document.createElementNS(SVG, "svg");
  line.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  line.setAttribute("class", "spark");
  line.setAttribute("role", "img");
  const right = el("span.right", {}, accuracy, line);
  const node = el("div.meter", {}, el("span", {}, speed, " labels a minute"), right);
  let began = 0, learning = false;

  function labelled(many) {
    began ||= performance.now();
    for (let n = 0; n < many; n++) times.push(performance.now());
    paint();
  }

  function model(now) {
    learning = now?.learning ?? false;
    if (now && seen.at(-1)?.folder !== now.folder) {
      seen.push({ folder: now.folder, accuracy: now.accuracy, low: now.interval[0], high: now.interval[1], few: now.few });
      seen.splice(0, seen.length - KEPT);
      try {
        sessionStorage.setItem(memory, JSON.stringify(seen));
      } catch {
        // Only the line begins anew after a reload.
      }
    }
    right.title = now?.sentence ?? "";
    paint();
  }

  function paint() {
    const now = performance.now();
    while (times.length && now - times[0] > MINUTE_MS) times.shift();
    const span = Math.min(MINUTE_MS, Math.max(now - began, LEAST_MS));
    speed.textContent = count(Math.round((times.length * MINUTE_MS) / span));
    const last = seen.at(-1);
    right.hidden = !last;
    if (!last) return;
    const spread = Math.max(1, Math.ceil(100 * Math.max(last.accuracy - last.low, last.high - last.accuracy) - 1e-9));
    const figure = last.few || `${Math.floor(100 * last.accuracy + 1e-9)} % \u00b1 ${spread}`; // of too few: 4 of 5
    accuracy.textContent = `${figure}${learning ? " \u2026" : ""}`;
    draw();
  }

  /** Accuracy over this session, its interval as a band. */
  function draw() {
    line.style.display = seen.length > 1 ? "" : "none"; // one point is no line
    line.setAttribute("aria-label", `Accuracy after each of ${seen.length} refits`);
    const low = Math.min(...seen.map((one) => one.low)), high = Math.max(...seen.map((one) => one.high));
    const x = (at) => (seen.length > 1 ? (at * (WIDTH - 6)) / (seen.length - 1) + 3 : WIDTH - 3);
    const y = (share) => HEIGHT - 3 - ((share - low) / Math.max(high - low, 0.02)) * (HEIGHT - 6);
    const path = (some) => some.map(([a, b], at) => `${at ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");
    const band = [...seen.map((one, at) => [x(at), y(one.high)]), ...seen.map((one, at) => [x(at), y(one.low)]).reverse()];
    const part = (tag, attributes) => {
      const made = document.createElementNS(SVG, tag);
      for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
      return made;
    };
    line.replaceChildren(part("path", { d: `${path(band)}Z`, class: "band" }), part("path", { d: path(seen.map((one, at) => [x(at), y(one.accuracy)])), class: "line" }),
      part("circle", { cx: x(seen.length - 1), cy: y(seen.at(-1).accuracy), r: 2.6, class: "now" }));
  }

  paint();
  return { node, labelled, model };
}
