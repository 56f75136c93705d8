// Maps of a picture: asked of the server, which works them out in the background, and painted over it.

const POLL_MS = 350;

/** Gives `(way, label, tell) => map`; each is asked once. `tell` hears how far it is. */
export function explainer({ ask, persist, sleep, Refusal }, { kind, id, model }, signal) {
  const kept = new Map();

  async function work(method, label, tell) {
    const json = { model, method, label, [kind === "images" ? "image" : "prediction"]: id };
    let now = await persist(() => ask("/api/explanations", { method: "POST", json, signal }), { signal, tries: 6 });
    while (now.state === "waiting" || now.state === "working") {
      tell(now);
      await sleep(POLL_MS, signal);
      now = await persist(() => ask(`/api/explanations/${now.id}`, { signal }), { signal, tries: 20 });
    }
    if (now.state === "failed") throw new Refusal(now.problem);
    return unpack(now.map, method !== "heat");
  }

  return async (method, label, tell) => {
    const key = `${method} ${label}`;
    if (!kept.has(key)) kept.set(key, await work(method, label, tell));
    return kept.get(key);
  };
}

/** A signed byte a place, row by row. */
function unpack({ height, width, values }, signed) {
  const bytes = Uint8Array.from(atob(values), (letter) => letter.charCodeAt(0));
  return { height, width, signed, values: [...new Int8Array(bytes.buffer)].map((level) => level / 127) };
}

/** Veiled where nothing counts; red to pale yellow for the label, blue to pale blue against it. */
export function paintMap(kit, canvas, { values, width, signed }) {
  kit.paintHeat(canvas, values, width, { side: 640, paint: signed ? weigh : undefined });
}

// Against the label, by strength from 0 to 1. Its blue has no red in it, and for the label no blue: that is what every kind of
// colour vision tells apart.
const AGAINST = [[12, 14, 18], [26, 92, 214], [150, 205, 255]];

function weigh(value, glow) {
  if (value >= 0) return glow(value);
  const v = Math.min(1, -value), [from, to, t] = v < 0.6 ? [AGAINST[0], AGAINST[1], v / 0.6] : [AGAINST[1], AGAINST[2], (v - 0.6) / 0.4];
  return [...from.map((one, at) => Math.round(one + (to[at] - one) * t)), glow(v)[3]];
}
