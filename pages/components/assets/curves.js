// The curves of a run: asked for piece by piece, with what a coach would say of them, and other runs laid over them.

const ACTIVE = ["starting", "running"];
const FINAL = ["succeeded", "failed", "cancelled"];
const STATES = {
  queued: "Waiting in the queue", starting: "Starting", running: "Training", paused: "Paused",
  succeeded: "Finished", failed: "Failed", cancelled: "Cancelled",
};
const HELD = { answer: "Waiting for your answer", disk: "Waiting for room on the disk" }; // and not just paused
const PERCENT = { range: [0, 104], ticks: { tickvals: [0, 25, 50, 75, 100], ticktext: ["0", "25", "50", "75", "100 %"] } };
const SEEN = "darkroom.curves"; // how a person likes to see them, for this tab
const MOST_OTHERS = 6;

export async function mount(kit, context) {
  const { el, ask, persist, sleep, count, percent, notice, icon } = kit;
  const { Lines, borrowRules, chart, load } = await import(context.at("charts.js"));
  let data = context.data;
  let control = new AbortController();
  let run = null; // the newest answer, without its points
  let lines = new Lines();
  let told = "";
  let Plotly = null;
  const others = new Map(); // run id -> {id, name, color, lines, over}
  const liked = { keep: 0, log: false, others: [], more: false, ...remembered() };

  const charts = [
    { title: "Loss", help: "How wrong it is; lower is better. Validation that rises again means it memorises.", train: "train_loss", val: "val_loss", digits: 3, log: true,
      words: ["training loss %{y:.3f}", "validation loss %{y:.3f}"] },
    { title: "Accuracy", help: "How many of 100 pictures it gets right. It never trains on validation pictures.", train: "train_accuracy", val: "val_accuracy", scale: 100, ...PERCENT,
      words: ["gets %{y:.1f} of 100 training pictures right", "gets %{y:.1f} of 100 validation pictures right"], few: "gets %{text} validation pictures right" },
  ].map((what) => chart(kit, what));
  const gauges = [
    { title: "Learning rate", train: "learning_rate", log: true, smooth: false, words: ["learning rate %{y:.2e}"], latest: (y) => y.toExponential(1) },
    { title: "Pictures a second", train: "images_per_s", words: ["%{y:.0f} pictures a second"], latest: (y) => count(Math.round(y)) },
    { title: "Memory", train: "memory_mb", smooth: false, words: ["%{y:.0f} MB"], latest: (y) => kit.megabytes(y * 1e6) },
    { title: "In use", train: "utilisation", scale: 100, ...PERCENT, words: ["%{y:.0f} % in use"], latest: (y) => `${Math.round(y)} %` },
  ].map((what) => chart(kit, { ...what, small: true }));

  const badge = el("span.badge"), figures = el("div.figures"), fill = el("i"), trouble = el("div", { hidden: true });
  const bar = el("div.bar", { role: "progressbar", "aria-label": "Training", "aria-valuemin": 0, "aria-valuemax": 100 }, fill);
  const coach = el("div.coach", { role: "status", hidden: true });
  const controls = tools();
  const more = el("details.more", { open: liked.more, ontoggle: () => (remember({ more: more.open }), draw()) },
    el("summary", {}, "Learning rate, speed, memory"), el("div.charts.small", {}, gauges.map(({ node }) => node)));
  trouble.append(notice("The server does not answer just now. The training is not touched by that; the curves go on by themselves."));
  context.root.replaceChildren(el("div.top", {}, badge, figures), bar, trouble, coach,
    el("div.charts", {}, charts.map(({ node }) => node)), controls.node, more);

  // ---- what a person likes -------------------------------------------------------------------------------
  function remembered() {
    try {
      return JSON.parse(sessionStorage.getItem(`${SEEN} ${context.data.run_id}`) ?? "{}");
    } catch {
      return {}; // a browser that keeps nothing for us
    }
  }

  function remember(change) {
    Object.assign(liked, change);
    try {
      sessionStorage.setItem(`${SEEN} ${data.run_id}`, JSON.stringify(liked));
    } catch {
      // then it holds until the page is left
    }
  }

  function tools() {
    const slider = el("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: liked.keep, "aria-label": "Smooth the training curves",
      oninput: () => (remember({ keep: Number(slider.value) }), draw()) });
    const log = el("button", { type: "button", title: "Loss and learning rate by their order of magnitude", onclick: () => (remember({ log: !liked.log }), paint(), draw()) }, "Log axis");
    const picks = el("div.picks"), compare = el("details.compare", {}, el("summary", {}, "Compare with other runs"), picks);
    const paint = () => log.setAttribute("aria-pressed", liked.log);
    paint();
    function offer(known) {
      compare.hidden = !known.length;
      picks.replaceChildren(...known.map(({ id, name }) => {
        const box = el("input", { type: "checkbox", checked: liked.others.includes(id), onchange: () => choose(id, box.checked) });
        box.dataset.run = id;
        return el("label", { title: name }, box, el("i", { style: { "--c": others.get(id)?.color ?? "var(--line)" } }), el("span.name", {}, name));
      }));
    }
    return { node: el("div.tools", {}, el("label.smooth", {}, "Smooth", slider), log, compare), offer };
  }

  function choose(id, on) {
    const chosen = [...liked.others.filter((one) => one !== id), ...(on ? [id] : [])].slice(-MOST_OTHERS);
    remember({ others: chosen });
    compareAll(control.signal);
  }

  // ---- asking ------------------------------------------------------------------------------------------
  async function poll(signal) {
    load(context.at("plotly.js")).then(begun, (error) => trouble.replaceWith(notice(error.message)));
    compareAll(signal);
    while (!signal.aborted) {
      await persist(() => look(signal), { signal, waiting: (is) => (trouble.hidden = !is) });
      tell();
      if (FINAL.includes(run.state)) return;
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
    const answer = await ask(`/api/runs/${data.run_id}/curve?since=${run?.last_step ?? -1}`, { signal });
    if (run && (answer.lives !== run.lives || answer.step < run.last_step)) {
      lines = new Lines(); // taken up again at an older checkpoint: what came after it is done anew
      run = null;
      return look(signal);
    }
    lines.take(answer.points);
    delete answer.points;
    run = { ...answer, id: data.run_id };
    draw();
  }

  /** The page says what can be done with a run: it is told when the run is something else than it shows. */
  function tell() {
    const now = { state: run.state, wish: run.wish ?? null, begun: run.step > 0 }, mark = JSON.stringify(now);
    const same = Object.entries(now).every(([name, value]) => (data.drawn[name] ?? null) === value);
    if (same || told === mark) return;
    told = mark;
    context.trigger("changed", now);
  }

  function visible(signal) {
    if (!document.hidden) return null;
    return new Promise((done) => document.addEventListener("visibilitychange", done, { once: true, signal }));
  }

  /** Fetches the runs that are to be laid over this one; those that still learn are asked again. */
  async function compareAll(signal) {
    const known = data.others.filter(({ id }) => liked.others.includes(id));
    for (const id of [...others.keys()]) if (!known.some((one) => one.id === id)) others.delete(id);
    for (const { id, name } of known) {
      if (others.has(id)) continue;
      const color = data.colors.others.find((one) => ![...others.values()].some((other) => other.color === one));
      others.set(id, { id, name, color, lines: new Lines(), epochs: 0, few: 0, since: -1 });
      follow(others.get(id), signal);
    }
    controls.offer(data.others);
    draw();
  }

  async function follow(other, signal) {
    while (others.get(other.id) === other && !signal.aborted) {
      const answer = await ask(`/api/runs/${other.id}/curve?since=${other.since}`, { signal }).catch(() => null);
      if (answer) {
        other.lines.take(answer.points);
        other.since = answer.last_step;
        other.epochs = answer.epoch;
        other.few = answer.few;
        draw();
        if (!ACTIVE.includes(answer.state)) return;
      }
      await sleep(3000 * data.refresh_s, signal).catch(() => null);
    }
  }

  // ---- drawing -----------------------------------------------------------------------------------------
  function draw() {
    if (!run) return;
    const active = ACTIVE.includes(run.state);
    badge.replaceChildren(el("i"), HELD[run.hold] ?? STATES[run.state] ?? run.state);
    badge.dataset.state = run.hold ? "held" : run.state;
    const share = run.state === "succeeded" ? 1 : run.total_steps ? run.step / run.total_steps : 0; // it may end early
    fill.style.width = percent(share, 1).replace(" ", "");
    bar.setAttribute("aria-valuenow", Math.round(100 * share));
    bar.dataset.state = run.state;
    figures.replaceChildren(...[
      figure("Epoch", `${count(run.epoch)} of ${count(run.epochs)}`),
      Number.isFinite(run.best?.val_accuracy) && figure(active ? "Best so far" : "Best", `${run.right}, epoch ${count(run.best.epoch)}`),
      run.images_per_s && active && figure("Speed", `${count(Math.round(run.images_per_s))} pictures/s`),
      run.seconds_left !== null && active && figure("Time left", kit.duration(run.seconds_left)),
    ].filter(Boolean));
    advise(run.advice);
    const waiting = lines.empty ? (FINAL.includes(run.state) ? "It ended before the first numbers came."
      : run.hold ? "The curves begin once it goes on." : run.state === "queued" ? "The curves begin when its turn comes." : "The first numbers come in a moment.") : Plotly ? null : "";
    for (const one of [...charts, ...gauges]) one.say(waiting);
    controls.node.hidden = more.hidden = lines.empty;
    if (waiting !== null) return;
    const epochs = room(Math.max(run.epochs, ...[...others.values()].map((other) => other.epochs)));
    const common = { root: context.root, run, lines, others: [...others.values()], colors: data.colors, keep: liked.keep, log: liked.log, epochs };
    for (const one of charts) one.paint(Plotly, common);
    if (!more.open) return;
    for (const one of gauges) {
      one.node.hidden = !lines.has(one.what.train);
      if (!one.node.hidden) one.paint(Plotly, common);
    }
    const device = run.device && run.device !== "cpu" ? "GPU" : "processor";
    gauges[2].node.querySelector("h4").textContent = device === "GPU" ? "GPU memory" : "Memory of the training";
    gauges[3].node.querySelector("h4").textContent = device === "GPU" ? "GPU in use" : "Processor in use";
  }

  /** Epochs that the axis has room for: while a long run is young, not all of them, else its curve were a line upright. */
  function room(all) {
    const done = Math.max(...[...others.values()].map((other) => other.epochs), run.epoch + 1);
    let epochs = 5;
    while (epochs < 1.1 * done) epochs *= 2;
    return FINAL.includes(run.state) || 1.6 * epochs > all ? all : epochs;
  }

  const figure = (name, value) => el("div.figure", {}, el("span.quiet", {}, name), el("b", {}, value));

  function advise(advice) {
    coach.hidden = !advice;
    if (!advice || coach.dataset.said === advice.sentence + advice.action) return; // read aloud once, not at each look
    coach.dataset.said = advice.sentence + advice.action;
    coach.dataset.tone = advice.tone;
    coach.replaceChildren(icon(advice.tone === "good" ? "check" : advice.tone === "warn" ? "warn" : "right"),
      el("p", {}, advice.sentence, " ", advice.action && el("span.quiet", {}, advice.action)));
  }

  const begin = () => poll(control.signal).catch((error) => {
    if (control.signal.aborted) return;
    context.root.replaceChildren(notice(error.message)); // the server knows the run no more
  });
  begin();

  return {
    update(next) {
      const other = next.run_id !== data.run_id;
      const waking = run && FINAL.includes(run.state) && !FINAL.includes(next.drawn.state);
      data = next;
      if (other || waking) {
        control.abort();
        control = new AbortController();
        told = "";
        if (other) {
          run = null;
          lines = new Lines();
          others.clear();
          Object.assign(liked, { others: [] }, remembered());
        }
        begin();
      } else compareAll(control.signal); // another run may be there, or another theme
    },
    stop() {
      control.abort();
      for (const { plot } of [...charts, ...gauges]) Plotly?.purge(plot);
    },
  };
}
