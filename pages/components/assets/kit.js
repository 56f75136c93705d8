// What every component of Darkroom shares: mounting, elements, requests that survive a lost connection, words.

const instances = new WeakMap(); // one a mounted element, however often Streamlit calls the loader
const sheets = new Map(); // address -> stylesheet, shared by all components

/** Mounts `component.data.module`, or hands the newest data to the one mounted already. Gives its unmount. */
export async function mount(component, at) {
  const root = component.parentElement;
  let instance = instances.get(root);
  if (!instance) instances.set(root, (instance = begin(root, at, component)));
  instance.component = component;
  paint(root);
  await instance.ready;
  if (!instance.stopped) instance.part.update(component.data);
  return () => {
    if (instance.stopped) return;
    instance.stopped = true;
    instances.delete(root);
    instance.part?.stop();
  };
}

function begin(root, at, { data }) {
  const instance = {};
  const context = {
    root: root.querySelector(".root"),
    at,
    data,
    trigger: (name, value) => instance.stopped || instance.component.setTriggerValue(name, value),
  };
  instance.ready = Promise.all([
    import(at(`${data.module}.js`)),
    ...["kit.css", `${data.module}.css`].map((name) => sheet(at(name))),
  ]).then(async ([module, ...styles]) => {
    root.adoptedStyleSheets = styles;
    instance.part = await module.mount(kit, context);
    if (instance.stopped) instance.part.stop();
  }).catch((error) => {
    instances.delete(root); // the next run of the page tries again
    sheets.clear();
    context.root.replaceChildren("This part of the page could not be loaded. Nothing is lost. Reload the page.");
    throw error;
  });
  return instance;
}

function sheet(address) {
  if (!sheets.has(address)) {
    sheets.set(address, fetch(address).then((r) => r.text()).then((css) => new CSSStyleSheet().replace(css)));
  }
  return sheets.get(address);
}

/** The root of a node takes on another stylesheet: of a part that several components share. */
export async function wear(node, address) {
  const root = node.getRootNode(), style = await sheet(address);
  if (!root.adoptedStyleSheets.includes(style)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, style];
}

/** Tells the stylesheet which theme is on, for the few values that Streamlit's variables do not carry. */
function paint(root) {
  const inner = root.querySelector(".root");
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(inner).getPropertyValue("--st-background-color").trim() || "#131110";
  const [r, g, b] = probe.fillStyle.match(/[\da-f]{2}/gi).map((pair) => parseInt(pair, 16));
  inner.dataset.theme = 0.2126 * r + 0.7152 * g + 0.0722 * b < 128 ? "dark" : "light";
}

/** An element: `el("button.primary", {onclick}, "Add")`. Strings become text nodes, never markup. */
export function el(what, properties = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "style") for (const [key, v] of Object.entries(value)) node.style.setProperty(key, v);
    else if (name.startsWith("aria-") || name === "role" || name === "for") node.setAttribute(name, value);
    else if (name === "data") Object.assign(node.dataset, value);
    else node[name] = value;
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Draws what a node holds where `about` is something else than at the last time. What a hand is just pressing is not replaced by
 * its like: a button that goes between the press and the release never hears of the click. Returns whether it drew. */
export function renew(node, about, content) {
  const mark = JSON.stringify(about);
  if (node.mark === mark) return false;
  node.mark = mark;
  node.replaceChildren(...content());
  return true;
}

const SVG = "http://www.w3.org/2000/svg";
/** A line icon of 24 x 24 units, drawn with the text's colour. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", ICONS[name]);
  svg.append(line);
  return svg;
}
const ICONS = {
  tray: "M3 14v5a1 1 0 0 0 1 1h16a1 1 0 0 0 1-1v-5M12 3v12M7 8l5-5 5 5",
  like: "M4 4h7v7H4zM13 13h7v7h-7zM15 4l5 0 0 5M20 4l-7 7",
  check: "M4 12.5l5 5L20 6.5",
  cross: "M6 6l12 12M18 6L6 18",
  warn: "M12 4L2.5 20h19zM12 10v5M12 17.5v.5",
  camera: "M4 8h3l2-3h6l2 3h3a1 1 0 0 1 1 1v9a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V9a1 1 0 0 1 1-1zM12 10a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7",
  undo: "M9 7L4 12l5 5M4 12h10a6 6 0 0 1 6 6",
  bin: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13",
  tag: "M4 4h8l8 8-8 8-8-8zM8.5 8.5v.1",
  why: "M12 3a7 7 0 0 1 4 12.7V18H8v-2.3A7 7 0 0 1 12 3M9 21h6",
  brush: "M20 4L11 13M9 12l3 3M9 12c-3 0-4 2-4 4s-1 3-3 3c2 2 8 2 9-2l1-2",
  heat: "M12 3c1 4 5 5 5 10a5 5 0 0 1-10 0c0-2 1-3 2-4 0 2 1 3 2 3 0-3-1-5 1-9z",
  play: "M8 5l11 7-11 7z",
  pause: "M8 5v14M16 5v14",
  person: "M12 4a4 4 0 1 0 0 8a4 4 0 1 0 0-8M4.5 20c1-4 4-5.5 7.5-5.5s6.5 1.5 7.5 5.5",
  left: "M15 5l-7 7 7 7",
  right: "M9 5l7 7-7 7",
};

export class Refusal extends Error {} // the server understood and said no; its message is a sentence

const HEADERS = { "X-Darkroom": "1" };
/** One request. JSON in `options.json`, bytes in `options.body`. Raises Refusal, or Error when the server did not answer. */
export async function ask(path, { json, headers = {}, ...options } = {}) {
  const body = json === undefined ? options.body : JSON.stringify(json);
  const type = json === undefined ? {} : { "Content-Type": "application/json" };
  const response = await fetch(path, {
    cache: "no-store", credentials: "same-origin", ...options, body, headers: { ...HEADERS, ...type, ...headers },
  });
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const retryable = response.status >= 500 && response.status !== 507;
  const sentence = answer?.error ?? "The server gave no usable answer. Try again in a moment.";
  throw retryable || response.ok ? new Error(sentence) : new Refusal(sentence);
}

export const sleep = (ms, signal) =>
  new Promise((done, fail) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), fail(signal.reason)), { once: true });
  });

/** Tries until it is done, refused or aborted: waits 0.3 s, then longer, 8 s at most. `waiting(true)` while it cannot. */
export async function persist(attempt, { signal, waiting = () => {}, tries = Infinity } = {}) {
  for (let n = 0; ; n++) {
    try {
      const answer = await attempt();
      if (n) waiting(false);
      return answer;
    } catch (error) {
      if (error instanceof Refusal || signal?.aborted || n + 1 >= tries) throw error;
      if (n) waiting(true, error);
      await sleep(Math.min(8000, 300 * 2 ** n) * (0.75 + Math.random() / 2), signal);
    }
  }
}

const numbers = new Intl.NumberFormat("en");
export const count = (n) => numbers.format(n);
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`;
export function megabytes(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} KB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
/** Seconds as a person says them: "about 2 minutes". */
export function duration(s) {
  if (s < 2) return "a moment";
  if (s < 50) return `about ${s < 10 ? Math.round(s) : Math.round(s / 5) * 5} seconds`;
  const minutes = Math.round(s / 60);
  if (minutes < 60) return `about ${plural(Math.max(1, minutes), "minute")}`;
  const hours = Math.floor(minutes / 60), rest = minutes % 60;
  return hours < 5 && rest ? `about ${plural(hours, "hour")} ${plural(rest, "minute")}` : `about ${plural(Math.round(minutes / 60), "hour")}`;
}

/** How long ago a time was, in seconds since the epoch: "5 minutes ago". */
export function ago(then) {
  const s = Math.max(0, Date.now() / 1000 - then);
  const [size, noun] = [[86400, "day"], [3600, "hour"], [60, "minute"]].find(([unit]) => s >= unit) ?? [];
  return size ? `${plural(Math.floor(s / size), noun)} ago` : "just now";
}

/** A random word that makes a request recognisable when it comes again. */
export const token = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

/** A label as everywhere: its colour as a dot, its name as text. */
export const chip = (name, color, more) =>
  el("span.chip", { title: name }, el("i.dot", { style: { "--c": color ?? "transparent" } }), el("span.name", {}, name), more && el("span.more", {}, more));

/** The amber notice: what happened and what to do. */
export const notice = (sentence, ...actions) => el("div.notice", { role: "alert" }, icon("warn"), el("p", {}, sentence), ...actions);

export const button = (kind, text, onclick, more = {}) => el(`button.${kind}`, { type: "button", onclick, ...more }, ...[text].flat());

/** A class activation, stretched smoothly over the picture below: veiled where it did not look, glowing where it did. */
export function paintHeat(canvas, values, columns, { side = 320, veil = 105, paint = (value, glow) => glow(value) } = {}) {
  const small = new OffscreenCanvas(columns, values.length / columns), pen = small.getContext("2d");
  const pixels = pen.createImageData(small.width, small.height);
  values.forEach((value, at) => pixels.data.set(paint(value, (v) => glow(v, veil)), 4 * at));
  pen.putImageData(pixels, 0, 0);
  canvas.width = canvas.height = side;
  const large = canvas.getContext("2d");
  large.imageSmoothingQuality = "high";
  large.drawImage(small, 0, 0, side, side);
}

/** Dark, safelight red, then pale yellow; more opaque where it looked. `value` is 0..1, `veil` 0..255. */
const glow = (value, veil) => {
  const v = Math.min(1, Math.max(0, value));
  return [Math.round(18 + 237 * v ** 0.8), Math.round(14 + 206 * v ** 2.2), Math.round(12 + 120 * v ** 5), Math.round(veil + (160 - veil) * v)];
};

const kit = { el, icon, ask, sleep, persist, Refusal, count, plural, percent, megabytes, duration, ago, token, chip, notice, button, paintHeat, renew, wear };
