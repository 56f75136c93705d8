// The curves of a run: asked for piece by piece, drawn into the same two charts, so that a zoom is never lost.

const TRAINING_POINTS = 400; // drawn at most; validation is never thinned, so the best epoch cannot vanish
const ACTIVE = ["starting", "running"];
const FINAL = ["succeeded", "failed", "cancelled"];
// Plotly wants plain colours; these are the theme's.
const INKS = { dark: { ink: "#F3EDE4", quiet: "#A39B91", paper: "#2E2925" }, light: { ink: "#1D1A17", quiet: "#6E665C", paper: "#FFFFFF" } };
const STATES = {
  queued: "Waiting in the queue", starting: "Starting", running: "Training", paused: "Paused",
  succeeded: "Finished", failed: "Failed", cancelled: "Cancelled",
};

let plotly;
const load = (address) => plotly ??= new Promise((done, fail) => {
  const script = Object.assign(document.createElement("script"), { src: address, onload: () => done(window.Plotly) });
  script.onerror = () => ((plotly = undefined), fail(new Error("The charts could not be loaded. Reload the page.")));
  document.head.append(script);
});

/** Plotly writes its style rules into the document; a chart in a shadow root needs them there too. */
function borrowRules(root) {
  const rules = [...document.styleSheets].filter(({ ownerNode }) => ownerNode?.id?.startsWith("plotly.js"))
    .flatMap(({ cssRules }) => [...cssRules].map(({ cssText }) => cssText));
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(rules.join("\n"));
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

export function mount(kit, context) {
  const { el, ask, persist, sleep, count, percent, notice } = kit;
  let data = context.data;
  let control = new AbortController();
  let run = null; // the newest answer, without its points
  let told = false;
  let points = {}; // key -> Map of epoch -> value
  let Plotly = null;

  const badge = el("span.badge"), figures = el("div.figures"), fill = el("i"), trouble = el("div", { hidden: true });
  const charts = {
    loss: chart("Loss", "How wrong it is; lower is better. Validation that rises again means it memorises."),
    accuracy: chart("Accuracy", "How many of 100 pictures it gets right. It never trains on validation pictures."),
  };
  const bar = el("div.bar", { role: "progressbar", "aria-label": "Training", "aria-valuemin": 0, "aria-valuemax": 100 }, fill);
  trouble.append(notice("The server does not answer just now. The training is not touched by that; the curves go on by themselves."));
  context.root.replaceChildren(el("div.top", {}, badge, figures), bar, trouble,
    el("div.charts", {}, charts.loss.node, charts.accuracy.node));

  function chart(title, help) {
    const plot = el("div.plot"), wait = el("div.wait.quiet", {}, el("span")), legend = el("span.keys", {}, key("training"), key("validation"));
    const node = el("figure", {}, el("figcaption", {}, el("h4", {}, title), legend), el("p.help.quiet", {}, help), el("div.area", {}, plot, wait));
    return { node, plot, wait };
  }
  function key(name) {
    return el(`span.key.${name}`, {}, el("i"), name);
  }

  // ---- asking ------------------------------------------------------------------------------------------
  async function poll(signal) {
    load(context.at("plotly.js")).then(begun, (error) => trouble.replaceWith(notice(error.message)));
    while (!signal.aborted) {
      await persist(() => look(signal), { signal, waiting: (is) => (trouble.hidden = !is) });
      if (FINAL.includes(run.state)) return finish();
      if (data.refresh_s === null) return;
      await sleep(1000 * data.refresh_s, signal);
      await visible(signal);
    }
  }

  /** The numbers do not wait for the charts' library, which takes a slow machine seconds to read. */
  function begun(library) {
    if (Plotly) return;
    Plotly = library;
    borrowRules(context.root.getRootNode());
    draw();
  }

  async function look(signal) {
    const since = run?.last_step ?? -1;
    const answer = await ask(`/api/runs/${data.run_id}/curve?since=${since}`, { signal });
    if (answer.step < since) { // taken up again at an older checkpoint: what came after it is done anew
      points = {};
      run = null;
      return look(signal);
    }
    for (const [name, more] of Object.entries(answer.points)) {
      points[name] ??= new Map();
      for (const [x, y] of more) points[name].set(x, y);
    }
    delete answer.points;
    run = answer;
    draw();
  }

  function visible(signal) {
    if (!document.hidden) return null;
    return new Promise((done) => document.addEventListener("visibilitychange", done, { once: true, signal }));
  }

  function finish() {
    if (told || data.refresh_s === null) return;
    told = true;
    context.trigger("finished", { state: run.state });
  }

  // ---- drawing -----------------------------------------------------------------------------------------
  function draw() {
    if (!run) return;
    const active = ACTIVE.includes(run.state);
    badge.replaceChildren(el("i"), STATES[run.state] ?? run.state);
    badge.dataset.state = run.state;
    const share = run.total_steps ? run.step / run.total_steps : 0;
    fill.style.width = percent(share, 1).replace(" ", "");
    bar.setAttribute("aria-valuenow", Math.round(100 * share));
    bar.dataset.state = run.state;
    figures.replaceChildren(...[
      figure("Epoch", `${count(run.epoch)} of ${count(run.epochs)}`),
      Number.isFinite(run.best?.val_accuracy) && figure(active ? "Best so far" : "Best", `${percent(run.best.val_accuracy, 1)}, epoch ${count(run.best.epoch)}`),
      run.images_per_s && active && figure("Speed", `${count(Math.round(run.images_per_s))} images/s`),
      run.seconds_left !== null && active && figure("Time left", kit.duration(run.seconds_left)),
    ].filter(Boolean));
    const drawn = Object.values(points).some((series) => series.size);
    for (const { wait } of Object.values(charts)) {
      wait.hidden = drawn && Plotly !== null;
      wait.firstChild.textContent = drawn ? "" : FINAL.includes(run.state) ? "It ended before the first numbers came."
        : run.state === "queued" ? "The curves begin when its turn comes." : "The first numbers come in a moment.";
    }
    if (!drawn || !Plotly) return;
    paint(charts.loss.plot, "loss", 1);
    paint(charts.accuracy.plot, "accuracy", 100);
  }

  const figure = (name, value) => el("div.figure", {}, el("span.quiet", {}, name), el("b", {}, value));

  function paint(plot, what, scale) {
    const { ink, quiet, paper } = INKS[context.root.dataset.theme];
    const font = getComputedStyle(context.root).fontFamily, accent = data.colors.validation, cool = data.colors.training;
    const said = what === "loss" ? ["training loss %{y:.3f}", "validation loss %{y:.3f}"]
      : ["gets %{y:.1f} of 100 training pictures right", "gets %{y:.1f} of 100 validation pictures right"];
    const training = series(`train_${what}`, scale, TRAINING_POINTS), validation = series(`val_${what}`, scale);
    const line = (color, width) => ({ color, width, shape: "linear" });
    const traces = [
      { ...training, mode: "lines", line: line(cool, 1.25), hovertemplate: `epoch %{x:.1f}: ${said[0]}<extra></extra>` },
      { ...validation, mode: validation.x.length < 40 ? "lines+markers" : "lines", line: line(accent, 3.5), marker: { size: 6, color: accent },
        hovertemplate: `epoch %{x:.0f}: ${said[1]}<extra></extra>` },
    ];
    const notes = [];
    const best = run.best?.[`val_${what}`];
    if (Number.isFinite(best)) {
      const y = best * scale;
      traces.push({ x: [run.best.epoch], y: [y], mode: "markers", hoverinfo: "skip", cliponaxis: false,
        marker: { symbol: "circle-open", size: 17, color: ink, line: { width: 2, color: ink } } });
      const text = what === "loss" ? `best ${y.toFixed(3)}` : `best ${y.toFixed(1)} %`;
      notes.push({ x: run.best.epoch, y, text, showarrow: false, yshift: what === "loss" ? 24 : -24, font: { color: ink, size: 13 },
        xanchor: run.best.epoch > 0.85 * run.epochs ? "right" : "center" });
    }
    const axis = { gridcolor: "rgba(138,131,123,0.2)", zeroline: false, color: ink, tickfont: { size: 12, color: quiet } };
    const layout = {
      uirevision: data.run_id, datarevision: run.step, showlegend: false, hovermode: "closest", hoverdistance: 40,
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
      margin: { l: 44, r: 14, t: 22, b: 40 }, height: 300, autosize: true, paper_bgcolor: "transparent", plot_bgcolor: "transparent",
      font: { family: font, color: ink, size: 13 }, annotations: notes,
      hoverlabel: { bgcolor: paper, bordercolor: quiet, font: { family: font, size: 13, color: ink } },
      xaxis: { ...axis, title: { text: "epoch", font: { size: 12 }, standoff: 6 }, range: [0, run.epochs + 0.15], nticks: 8, tickformat: "d" },
      yaxis: { ...axis, ...(what === "loss" ? { rangemode: "tozero" } : { range: [0, 104], tickvals: [0, 25, 50, 75, 100], ticktext: ["0", "25", "50", "75", "100 %"] }) },
      modebar: { bgcolor: "transparent", color: quiet, activecolor: ink },
    };
    Plotly.react(plot, traces, layout, { displaylogo: false, responsive: true, modeBarButtons: [["resetScale2d", "toImage"]] });
  }

  /** Points in order of the epoch; with a limit, neighbours are averaged. What was not a number is left out. */
  function series(name, scale, limit = Infinity) {
    const all = [...(points[name] ?? [])].filter(([, value]) => value !== null).sort(([a], [b]) => a - b);
    const size = Math.max(1, Math.ceil(all.length / limit));
    const x = [], y = [];
    for (let at = 0; at < all.length; at += size) {
      const some = all.slice(at, at + size);
      x.push(some.at(-1)[0]);
      y.push((scale * some.reduce((sum, [, value]) => sum + value, 0)) / some.length);
    }
    return { type: "scatter", x, y };
  }

  const begin = () => poll(control.signal).catch((error) => {
    if (control.signal.aborted) return;
    context.root.replaceChildren(notice(error.message)); // the server knows the run no more
  });
  begin();

  return {
    update(next) {
      const other = next.run_id !== data.run_id;
      const waking = data.refresh_s === null && next.refresh_s !== null;
      data = next;
      if (other || waking) {
        control.abort();
        control = new AbortController();
        told = false;
        if (other) {
          run = null;
          points = {};
        }
        begin();
      } else draw(); // the theme may have changed
    },
    stop() {
      control.abort();
      for (const { plot } of Object.values(charts)) Plotly?.purge(plot);
    },
  };
}
