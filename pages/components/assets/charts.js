// One chart of a run: drawn again and again into the same Plotly chart, so that a zoom is never lost.

const POINTS = 400; // of a training line, drawn at most; validation is never thinned, so the best epoch cannot vanish
// Plotly wants plain colours; these are the theme's.
const INKS = { dark: { ink: "#F3EDE4", quiet: "#A39B91", paper: "#2E2925" }, light: { ink: "#1D1A17", quiet: "#6E665C", paper: "#FFFFFF" } };
const DASHES = ["dot", "dash", "dashdot"];

let plotly;
export const load = (address) => plotly ??= new Promise((done, fail) => {
  const script = Object.assign(document.createElement("script"), { src: address, onload: () => done(window.Plotly) });
  script.onerror = () => ((plotly = undefined), fail(new Error("The charts could not be loaded. Reload the page.")));
  document.head.append(script);
});

/** Plotly writes its style rules into the document; a chart in a shadow root needs them there too. */
export function borrowRules(root) {
  const rules = [...document.styleSheets].filter(({ ownerNode }) => ownerNode?.id?.startsWith("plotly.js"))
    .flatMap(({ cssRules }) => [...cssRules].map(({ cssText }) => cssText));
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules.join("\n"));
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

/** Epochs between two ticks: whole ones, eight ticks at most. */
const whole = (epochs) => [1, 2, 5, 10, 20, 50, 100].find((step) => epochs / step <= 8) ?? 200;

/** The lines of one run: pieces come as [epoch, value], and the same epoch again takes the place of what was there. */
export class Lines {
  constructor() {
    this.lines = new Map(); // key -> Map of epoch -> value
  }

  take(points) {
    for (const [key, more] of Object.entries(points)) {
      if (!this.lines.has(key)) this.lines.set(key, new Map());
      for (const [x, y] of more) this.lines.get(key).set(x, y);
    }
  }

  get empty() {
    return ![...this.lines.values()].some((line) => line.size);
  }

  has(key) {
    return Boolean(this.lines.get(key)?.size);
  }

  /** {x, y} in order of the epoch, scaled. What was not a number is left out. */
  of(key, scale = 1) {
    const all = [...(this.lines.get(key) ?? [])].filter(([, value]) => value !== null).sort(([a], [b]) => a - b);
    return { x: all.map(([x]) => x), y: all.map(([, y]) => scale * y) };
  }
}

/** Neighbours averaged, so that at most `limit` are left. */
export function thinned({ x, y }, limit = POINTS) {
  const size = Math.max(1, Math.ceil(x.length / limit));
  if (size === 1) return { x, y };
  const at = Array.from({ length: Math.ceil(x.length / size) }, (_, n) => [n * size, Math.min((n + 1) * size, x.length)]);
  return { x: at.map(([, end]) => x[end - 1]), y: at.map(([start, end]) => y.slice(start, end).reduce((sum, one) => sum + one, 0) / (end - start)) };
}

/** The exponential moving average that keeps `keep` (0..1) of itself at each point; unbiased at its beginning. */
export function smoothed({ x, y }, keep) {
  let sum = 0, weight = 0;
  return { x, y: y.map((value) => {
    sum = keep * sum + (1 - keep) * value;
    weight = keep * weight + 1 - keep;
    return sum / weight;
  }) };
}

/**
 * A figure with a chart in it.
 * what: { title, help, train, val, scale, digits, log, floor, range, ticks, small, words, few }, of which `train` and `val` are keys of lines
 * and `few` the words for a validation of so few pictures that they are counted.
 */
export function chart({ el }, what) {
  const plot = el("div.plot"), wait = el("div.wait.quiet", {}, el("span"));
  const key = (name) => el(`span.key.${name}`, {}, el("i"), name);
  const legend = what.val ? el("span.keys", {}, key("training"), key("validation")) : el("span.latest");
  const node = el(what.small ? "figure.small" : "figure", {}, el("figcaption", {}, el("h4", {}, what.title), legend),
    what.help && el("p.help.quiet", {}, what.help), el("div.area", {}, plot, wait));

  function say(sentence) {
    wait.hidden = sentence === null;
    wait.firstChild.textContent = sentence ?? "";
  }

  /** Draws `lines` with the best epoch ringed and the `others` ({name, lines, color}) behind. */
  function paint(Plotly, { root, run, lines, others, colors, keep, log, epochs }) {
    const { ink, quiet, paper } = INKS[root.dataset.theme], style = getComputedStyle(root), scale = what.scale ?? 1;
    const logarithmic = Boolean(log && what.log), at = (y) => (logarithmic ? Math.log10(Math.max(y, 1e-12)) : y);
    const raw = thinned(lines.of(what.train, scale)), smooth = keep > 0 && what.smooth !== false;
    const main = smooth ? thinned(smoothed(lines.of(what.train, scale), keep)) : raw;
    const said = (text) => `epoch %{x:.1f}: ${text}<extra></extra>`;
    const pointed = ({ y }, few, more = "") => (what.few && few
      ? { hovertemplate: said(what.few + more), text: y.map((share) => `${Math.round(few * share / scale)} of ${few}`) } : { hovertemplate: said(what.words[1] + more) });
    const traces = [line(main, colors.training, what.val ? 1.5 : 1.75, { hovertemplate: said(what.words[0] + (smooth ? ", smoothed" : "")) })];
    const notes = [];
    if (what.val) {
      const validation = lines.of(what.val, scale);
      traces.push({ ...line(validation, colors.validation, 3.5, pointed(validation, run.few)),
        mode: validation.x.length < 40 ? "lines+markers" : "lines", marker: { size: 6, color: colors.validation } });
      const best = run.best?.[what.val];
      if (Number.isFinite(best)) ring(best * scale);
    }
    if (smooth) traces.push(line(raw, colors.training, 1, { opacity: 0.28, hoverinfo: "skip" }));
    for (const [number, other] of (what.val ? others : []).entries()) {
      const theirs = other.lines.of(what.val, scale);
      if (!theirs.x.length) continue;
      traces.push(line(theirs, other.color, 2, { ...pointed(theirs, other.few, `, run ${other.id}`), line: { color: other.color, width: 2, dash: DASHES[number % 3] } }));
      notes.push({ x: theirs.x.at(-1), y: at(theirs.y.at(-1)), text: `run ${other.id}`, showarrow: false, xanchor: "right", yshift: 11, font: { color: other.color, size: 12 } });
    }
    if (!what.val) legend.textContent = main.y.length ? what.latest(main.y.at(-1)) : "";

    function ring(y) {
      traces.push({ x: [run.best.epoch], y: [y], type: "scatter", mode: "markers", hoverinfo: "skip", cliponaxis: false,
        marker: { symbol: "circle-open", size: 17, color: ink, line: { width: 2, color: ink } } });
      const below = what.val === "val_accuracy", early = run.best.epoch < 0.1 * epochs;
      notes.push({ x: run.best.epoch, y: at(y), text: `best ${what.few ? run.right : y < 1e4 ? y.toFixed(what.digits) : y.toExponential(1)}`, showarrow: false, yshift: below ? -24 : 24,
        font: { color: ink, size: 13 }, xanchor: run.best.epoch > 0.85 * epochs ? "right" : early ? "left" : "center" });
    }

    const axis = { gridcolor: "rgba(138,131,123,0.2)", zeroline: false, color: ink, tickfont: { size: 12, color: quiet } };
    const upright = logarithmic ? { type: "log", dtick: 1, exponentformat: "power" } : what.ticks ? { range: what.range, ...what.ticks } : { rangemode: "tozero", nticks: what.small ? 4 : 6 };
    const layout = {
      uirevision: run.id, datarevision: run.step, showlegend: false, hovermode: "closest", hoverdistance: 40,
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      margin: { l: 48, r: 14, t: what.small ? 8 : 22, b: what.small ? 26 : 40 }, height: what.small ? 150 : 280, autosize: true, paper_bgcolor: "transparent", plot_bgcolor: "transparent",
      font: { family: style.fontFamily, color: ink, size: 13 }, annotations: notes,
      hoverlabel: { bgcolor: paper, bordercolor: quiet, font: { family: style.fontFamily, size: 13, color: ink } },
      xaxis: { ...axis, ...(what.small ? {} : { title: { text: "epoch", font: { size: 12 }, standoff: 6 } }), range: [0, epochs + 0.15], tick0: 0, dtick: whole(epochs), tickformat: "d" },
      yaxis: { ...axis, ...upright, uirevision: `${run.id} ${logarithmic}` },
      modebar: { bgcolor: "transparent", color: quiet, activecolor: ink },
    };
    Plotly.react(plot, traces, layout, { displaylogo: false, responsive: true, modeBarButtons: what.small ? [["resetScale2d"]] : [["resetScale2d", "toImage"]] });
  }

  const line = ({ x, y }, color, width, more) => ({ type: "scatter", mode: "lines", x, y, line: { color, width, shape: "linear" }, ...more });
  return { node, plot, say, paint, what };
}
