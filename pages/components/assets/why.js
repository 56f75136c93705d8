// "Why this answer?": one picture, large. Ways to ask the network, a brush to erase with, what it is reminded of.
//
// It is opened from an answer and from a mistake: `open({kind, id, name, model, dataset, labels, said})`, where `kind`
// is "images" or "predictions" and `said` the label to explain, where that is not the best one. Its `node` is put into
// the page by whoever asks for it, together with all else: what can be seen can be used.

const BARS = 5; // labels shown

export async function whyDialog(kit, context) {
  const { el, button, icon, ask, persist, percent, notice } = kit;
  const [{ explainer, paintMap }, { eraser }, { evidence }] = await Promise.all(
    ["why_map.js", "why_erase.js", "why_near.js"].map((name) => import(context.at(name))));
  await kit.wear(context.root, context.at("why.css"));
  const dialog = el("dialog.why", { "aria-label": "Why this answer?" });
  let control = new AbortController();
  let on = null; // what is looked at, and everything that is drawn of it
  dialog.onclick = (event) => event.target === dialog && dialog.close();
  dialog.onkeydown = (event) => {
    event.stopPropagation(); // the page below has keys of its own
    if (event.key !== "Escape") return;
    event.preventDefault();
    dialog.close();
  };
  dialog.onclose = () => (control.abort(), on?.eraser?.stop(), (on = null), dialog.replaceChildren());

  function open(question) {
    control.abort();
    control = new AbortController();
    const { signal } = control;
    on = { ...question, signal, label: question.said ?? "", way: null, maps: explainer(kit, question, signal) };
    const at = `/api/${question.kind}/${question.id}`;
    on.picture = el("img.picture", { src: question.kind === "images" ? `${at}/view` : `${at}/picture`, alt: question.name, draggable: false });
    const { picture } = on;
    picture.onload = () => plate.style.setProperty("--ratio", picture.naturalWidth / picture.naturalHeight);
    on.canvas = el("canvas.map", { hidden: true });
    const plate = (on.plate = el("div.plate", {}, picture, on.canvas));
    on.strength = el("input", { type: "range", min: 15, max: 100, value: 90, "aria-label": "Strength of the colours",
      oninput: () => on.canvas.style.setProperty("opacity", on.strength.value / 100) });
    on.title = el("h3", {}, "Why this answer?");
    on.ways = el("div.ways", { role: "group", "aria-label": "Ways to ask" });
    on.told = el("div.told");
    on.tools = el("div.tools", { hidden: true });
    on.bars = el("div.bars");
    on.near = el("div.evidence");
    on.status = el("div.learns", { role: "status" });
    dialog.replaceChildren(
      el("header", {}, on.title, el("span.quiet.path", { title: question.name }, question.name), button("plain", icon("cross"), () => dialog.close(), { title: "Close" })),
      el("div.spread", {}, el("div.stage", {}, on.plate, on.tools),
        el("div.reasons", {}, on.ways, on.told, on.bars, on.status, on.near)));
    on.told.replaceChildren(el("div.skeleton.line"), el("div.skeleton.line"));
    if (!dialog.open) dialog.showModal();
    load(on, question.way ?? "heat");
  }

  async function load(mine, way) {
    try {
      mine.answer = await answer(mine);
    } catch (error) {
      if (!mine.signal.aborted) mine.told.replaceChildren(notice(error.message, button("", "Try again", () => load(mine, way))));
      return;
    }
    if (on !== mine) return;
    const known = mine.answer.ranked.some(({ label }) => label === mine.label); // its name may be another by now
    if (!known) mine.label = mine.answer.ranked[0].label;
    const [{ label: best }] = mine.answer.ranked;
    if (mine.said && mine.said !== best && mine.answer.model.kind === "instant") {
      const then = mine.kind === "images" ? "before it had learned this very picture. By now it has, and" : "when it was asked. It has learned since, and";
      learns(el("p", {}, `It said \u201c${mine.said}\u201d ${then} says \u201c${best}\u201d.`));
    }
    drawWays();
    drawBars();
    mine.near.replaceChildren(...evidence(kit, mine, context, { learns, learned }));
    choose(way);
  }

  const answer = ({ kind, id, model, signal }) =>
    persist(() => ask(`/api/${kind}/${id}/answer?model=${encodeURIComponent(model)}`, { signal }), { signal, tries: 5 });

  // ---- the ways ----------------------------------------------------------------------------------------
  function drawWays() {
    const all = [...context.data.ways.map(({ id, title }) => [id, [title]]), ["erase", [icon("brush"), "Erase here"]]];
    on.ways.replaceChildren(...all.map(([id, words]) => button("way", words, () => choose(id), { data: { way: id } })));
  }

  function choose(way) {
    on.way = way;
    for (const one of on.ways.children) one.setAttribute("aria-pressed", one.dataset.way === way);
    on.title.textContent = way === "erase" ? "What if it were not there?" : `Why \u201c${on.label}\u201d?`;
    on.canvas.hidden = true;
    on.tools.hidden = true;
    on.tools.replaceChildren();
    on.eraser?.stop();
    on.eraser = null;
    drawBars();
    if (way === "erase") return erase();
    show(way, on.label);
  }

  async function show(way, label) {
    const mine = on;
    const current = () => on === mine && mine.way === way && mine.label === label;
    const about = context.data.ways.find(({ id }) => id === way);
    const bar = el("i"), words = el("p.quiet", {}, "Asking");
    const progress = el("div.progress", {}, words, el("div.bar", {}, bar));
    mine.told.replaceChildren(el("p.sentence", {}, about.sentence), progress);
    const tell = ({ state, progress: share }) => {
      words.textContent = state === "waiting" ? "Getting ready. The first question takes some seconds." : "Working it out. You may look at something else meanwhile.";
      bar.style.setProperty("width", `${100 * (share ?? 0)}%`);
    };
    try {
      const best = label === mine.answer.ranked[0].label;
      const map = way === "heat" && best && mine.answer.heat.length ? heatOf(mine.answer.heat) : await mine.maps(way, label, tell);
      if (!current()) return;
      progress.remove();
      mine.told.append(...under(map));
      paintMap(kit, mine.canvas, map);
      mine.canvas.style.setProperty("opacity", mine.strength.value / 100);
      mine.canvas.hidden = false;
    } catch (error) {
      if (current() && !mine.signal.aborted) progress.replaceWith(notice(error.message, button("plain", "Try again", () => show(way, label))));
    }
  }

  const heatOf = (rows) => ({ height: rows.length, width: rows[0].length, values: rows.flat(), signed: false });

  function under(map) {
    const scale = el(map.signed ? "span.scale.signed" : "span.scale");
    const ends = map.signed ? ["against", "for"] : ["less", "more"];
    return [el("div.legend", {}, el("span", {}, ends[0]), scale, el("span", {}, ends[1])),
      el("label.strength", {}, el("span.quiet", {}, "Strength"), on.strength)];
  }

  function erase() {
    on.told.replaceChildren(el("p.sentence", {},
      "Paint over a part and see what becomes of the answer: what it loses is what that part gave it; do not trust it where the patch itself looks like something the model knows."));
    on.tools.hidden = false;
    on.eraser = eraser(kit, on, { moved: (ranked) => drawBars(ranked) });
  }

  // ---- the answer --------------------------------------------------------------------------------------
  /** The bars stay in the order of the answer to the whole picture; `now` is another answer, beside which it is marked. */
  function drawBars(now) {
    const before = on.answer.ranked;
    const shown = before.slice(0, BARS);
    const also = [on.label, now?.[0].label].map((name) => before.find(({ label }) => label === name));
    for (const one of also) if (one && !shown.includes(one)) shown.push(one);
    const share = new Map((now ?? before).map(({ label, confidence }) => [label, confidence]));
    const known = new Map([...on.bars.children].map((row) => [row.dataset.label, row]));
    on.bars.replaceChildren(...shown.map(({ label, confidence }) => {
      const row = known.get(label) ?? bar(label);
      const at = share.get(label) ?? 0;
      row.querySelector("i").style.setProperty("width", `${100 * at}%`);
      row.querySelector(".share").textContent = percent(at, 1);
      row.querySelector("s").hidden = !now;
      row.querySelector("s").style.setProperty("left", `${100 * confidence}%`);
      row.setAttribute("aria-pressed", on.way !== "erase" && label === on.label);
      row.disabled = on.way === "erase";
      return row;
    }));
    on.bars.title = on.way === "erase" ? "" : "Click a label to ask about it";
  }

  function bar(label) {
    const color = on.labels.find(({ name }) => name === label)?.color ?? "var(--quiet)";
    return button("rank", [el("span.name", { title: label }, label), el("span.track", {}, el("i", { style: { "--c": color } }), el("s", { hidden: true })), el("span.share")],
      () => ((on.label = label), choose(on.way)), { data: { label } });
  }

  // ---- what was put right ------------------------------------------------------------------------------
  const learns = (...content) => on?.status.replaceChildren(...content);

  /** The model has learned a changed label: the answer is asked anew, and shown beside the one of before. */
  async function learned(mine) {
    const label = mine.label, share = ({ ranked }) => ranked.find((one) => one.label === label)?.confidence ?? 0;
    const before = mine.answer, after = await answer(mine);
    if (on !== mine) return;
    drawBars(after.ranked);
    learns(el("p", {}, icon("check"), "Learned. ", el("b", {}, label), ` ${percent(share(before), 1)} before, ${percent(share(after), 1)} now.`));
  }

  return { node: dialog, open, stop: () => control.abort() };
}
