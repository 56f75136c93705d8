// The contact sheet: its pictures, what is on its way for them, and what became of it.

export async function mount(kit, context) {
  const [{ queueOf }, sheet, { selectionBar }, { largePicture }, { byExample }, { whyDialog }] = await Promise.all(
    ["queue.js", "gallery_sheet.js", "gallery_bar.js", "gallery_large.js", "gallery_example.js", "why.js"].map((name) => import(context.at(name))));
  const { el, button, icon, notice, plural } = kit;
  let data = context.data;
  const queue = queueOf(kit, data.dataset_id);
  const images = new Map(); // id -> what the server said last
  const conflicts = new Set();
  const changed = new Set();
  let timer = 0;
  let view = null;

  const state = el("div.saving.quiet", { role: "status" });
  const undo = button("", [icon("undo"), "Undo"], () => queue.undo(), { title: "Ctrl Z" });
  const messages = el("div.messages");
  const place = el("div.place");
  const dialog = data.model ? await whyDialog(kit, context) : null;
  context.root.replaceChildren(messages, place, ...(dialog ? [dialog.node] : []));

  /** What is on screen for an image: the server's word, and over it what is on its way. */
  const shown = (id) => Object.assign({}, images.get(id), ...queue.pending(id).map(({ revision, image_id, ...patch }) => patch));

  const model = {
    kit, undo, state, shown, conflicts, selectionBar, largePicture, byExample,
    get data() { return data; },
    get labels() { return data.labels; },
    pending: (id) => queue.pending(id).length > 0,
    color: (name) => data.labels.find((label) => label.name === name)?.color,
    label(target, name) {
      if (name !== null) learn(name);
      act("relabel", target.where ? target : target.filter((id) => shown(id).label !== name), { label: name });
    },
    remove: (target) => act("delete", target, { deleted: true }),
    restore: (target) => act("restore", target, { deleted: false }),
    split: (target, split) => act("split", target, { split }),
    undoLast: () => queue.undo(),
    trigger: context.trigger,
    /** Of a model's pictures: asks it why it says what it said of one. */
    why: dialog && ((id) => {
      const { name, suggestion } = images.get(id);
      dialog.open({ kind: "images", id, name, said: suggestion, model: data.model, dataset: data.dataset_id, labels: data.labels });
    }),
  };

  /** `target`: ids, or {where}: all that match, over all pages. */
  function act(kind, target, patch) {
    if (target.where) return queue.push(kind, [], { where: target.where, to: patch });
    target.forEach((id) => conflicts.delete(id));
    if (target.length) queue.push(kind, target.map((id) => ({ image_id: id, ...patch })));
  }

  /** A new label has its colour at once: the next one in the palette, as the server will give it. */
  function learn(name) {
    if (data.labels.some((label) => label.name === name)) return;
    const color = data.palette[data.labels.length % data.palette.length];
    data = { ...data, labels: [...data.labels, { id: null, name, color }] };
    view.labels();
  }

  function heard({ outcome, entry, refusal }) {
    if (outcome) {
      for (const image of outcome.images) {
        if (images.has(image.id)) Object.assign(images.get(image.id), image);
        if (image.label) learn(image.label);
      }
      outcome.changed.forEach((id) => (changed.add(id), conflicts.delete(id)));
      outcome.conflicts.forEach((id) => conflicts.add(id));
      if (outcome.conflicts.length) say(conflicted(outcome.conflicts.length));
      clearTimeout(timer);
      timer = setTimeout(report, entry?.where || outcome.many ? 0 : 800); // the page knows more than is on screen
    }
    if (refusal) say(refusal);
    saving();
    view.paint(entry?.changes?.map(({ image_id }) => image_id) ?? outcome?.changed);
  }

  const conflicted = (n) =>
    `${plural(n, "picture")} ${n === 1 ? "was" : "were"} changed by somebody else meanwhile. ` +
    `${n === 1 ? "It is" : "They are"} marked and left as they wanted. Label again to have it your way.`;

  function report() {
    context.trigger("changed", { changed: [...changed], conflicts: [...conflicts] });
    changed.clear();
  }

  function say(sentence) {
    const line = notice(sentence, button("plain", "Close", () => line.remove()));
    messages.replaceChildren(line);
  }

  function saving() {
    const left = queue.entries.length;
    undo.disabled = !queue.canUndo;
    state.dataset.state = queue.waiting ? "waiting" : left ? "saving" : "saved";
    state.replaceChildren(queue.waiting
      ? `The server does not answer. ${plural(left, "change")} kept here and sent again.`
      : left ? `Saving ${plural(left, "change")}` : "All changes saved");
  }

  function take(next) {
    const again = next.page !== data.page || next.mode !== data.mode || !view;
    const mine = data.labels.filter(({ name }) => !next.labels.some((label) => label.name === name));
    data = { ...next, labels: again ? next.labels : [...next.labels, ...mine] };
    if (again) {
      images.clear();
      conflicts.clear();
    }
    for (const image of next.images) {
      const known = images.get(image.id);
      if (!again && !known) continue; // the page on screen is not disturbed; a new `page` draws it anew
      if (known && known.revision > image.revision) continue; // the server's answer was newer than this drawing
      images.set(image.id, { deleted: false, split: "auto", ...image });
      queue.saw(image.id, image.revision);
    }
    if (again) {
      view?.stop();
      view = sheet.draw(model, place, [...images.keys()]);
    }
    view.labels();
    view.paint();
    saving();
  }

  queue.listeners.add(heard);
  take(data);
  context.root.style.minHeight = "0"; // what was kept free until now is not left below a few pictures
  const warn = (event) => queue.entries.length && event.preventDefault();
  addEventListener("beforeunload", warn);
  return {
    update: take,
    stop() {
      queue.listeners.delete(heard); // the queue itself goes on until all is acknowledged
      clearTimeout(timer);
      view?.stop();
      dialog?.stop();
      removeEventListener("beforeunload", warn);
    },
  };
}
