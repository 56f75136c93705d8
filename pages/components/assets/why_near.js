// The nearest training pictures as evidence, each with how alike it is; one with a wrong label is put right on the spot.

const WAIT_S = 60; // for the model to learn it

/** What there is to show of `mine.answer`. `learns` says what happens, `learned` asks for the answer anew. */
export function evidence(kit, mine, context, { learns, learned }) {
  const { el, button, icon, chip, percent, ask, persist, sleep, notice } = kit;
  const near = mine.answer.neighbours;
  if (!near.length) return [];
  const color = (name) => mine.labels.find((label) => label.name === name)?.color;
  const options = el("div.choose", { hidden: true });
  const figures = el("div.figures", {}, near.map((one) => {
    const label = el("figcaption", {}, chip(one.label ?? "no label", color(one.label)));
    const wrong = button("plain", "Wrong label?", () => offer(one, label), { title: `Give this picture another label than \u201c${one.label}\u201d` });
    return el("figure", {}, el("img", { src: `/api/images/${one.image_id}/thumb`, alt: one.label ?? "no label", loading: "lazy", draggable: false }),
      label, el("span.quiet", {}, `${percent(one.similarity)} alike`), wrong);
  }));

  async function offer(one, caption) {
    const known = await persist(() => ask(`/api/images/${one.image_id}`, { signal: mine.signal }), { signal: mine.signal, tries: 4 })
      .catch((error) => (learns(notice(error.message)), null));
    if (!known) return;
    options.hidden = false;
    options.replaceChildren(el("p", {}, "What does it show?"), el("div.options", {}, mine.labels.filter(({ name }) => name !== known.label).map(({ name }) =>
      button("label", chip(name, color(name)), () => relabel(one, caption, known, name)))), button("plain", "Cancel", () => (options.hidden = true)));
    options.querySelector("button").focus();
  }

  async function relabel(one, caption, known, label) {
    options.hidden = true;
    const { queueOf } = await import(context.at("queue.js"));
    const queue = queueOf(kit, mine.dataset);
    const before = await ask(`/api/datasets/${mine.dataset}/instant`, { signal: mine.signal }).catch(() => null);
    queue.saw(one.image_id, known.revision);
    const sent = change(queue, () => queue.push("relabel", [{ image_id: one.image_id, label }]));
    learns(el("p", {}, el("i.live"), "Saving the label"));
    await follow(sent, one, caption, label, before, button("", [icon("undo"), "Undo"], () => back(queue, one, caption, known)));
  }

  async function back(queue, one, caption, known) {
    const before = await ask(`/api/datasets/${mine.dataset}/instant`, { signal: mine.signal }).catch(() => null);
    learns(el("p", {}, el("i.live"), "Taking it back"));
    await follow(change(queue, () => queue.undo()), one, caption, known.label, before, null);
  }

  /** What becomes of the next change of this queue: it is sent until it is acknowledged, and counts once. */
  function change(queue, send) {
    return new Promise((done) => {
      const heard = ({ outcome, refusal }) => {
        if (!outcome && !refusal) return;
        queue.listeners.delete(heard);
        done({ outcome, refusal });
      };
      queue.listeners.add(heard);
      send();
    });
  }

  async function follow(sent, one, caption, label, before, undo) {
    const { outcome, refusal } = await sent;
    if (mine.signal.aborted) return;
    if (refusal) return learns(notice(refusal));
    if (outcome.conflicts.includes(one.image_id)) return learns(notice("Somebody else labelled it just now, so it was left as they wanted. Open this again to see it."));
    caption.replaceChildren(chip(label ?? "no label", color(label)));
    const said = el("span", {}, mine.answer.model.kind === "trained"
      ? "Saved. The instant model learns it at once, this one when it is trained again." : "Saved. The model is learning it.");
    learns(el("p", {}, icon("check"), said), undo);
    if (mine.answer.model.kind === "trained") return;
    if (await isLearned(before)) await learned(mine).catch(() => {});
    if (undo && !mine.signal.aborted) learns(...mineNow(), undo);
  }

  const mineNow = () => [...mine.status.querySelectorAll("p")];

  async function isLearned(before) {
    const until = performance.now() + 1000 * WAIT_S;
    while (performance.now() < until) {
      const now = await ask(`/api/datasets/${mine.dataset}/instant`, { signal: mine.signal }).catch(() => null);
      if (mine.signal.aborted) return false;
      const grown = !before || (now && now.labels_revision > before.labels_revision);
      if (now && grown && now.state === "ready" && now.revision >= now.labels_revision) return true;
      await sleep(300, mine.signal).catch(() => {});
    }
    return false;
  }

  return [el("h4", {}, "It is reminded of these"), figures, options];
}
