// The labelling desk: pictures one after another, or a page of them; keys, taps and swipes label and step on.
//
// It fetches its own pictures ahead of the hand, so that no key waits for the server, and asks about once a second what
// others did. What a person wants goes through the queue; a tick is drawn for what the server has on disk.

const BATCH = 24;
const AHEAD = 16; // fewer pictures than these before us: fetch more
const POLL_MS = 1000;
const HOLD = 2000; // ids that the server is told we have

export async function mount(kit, context) {
  const names = ["queue.js", "desk_hand.js", "desk_large.js", "desk_page.js", "desk_labels.js", "desk_meter.js", "desk_sure.js", "person.js"];
  const [{ queueOf, tabName }, hand, large, sheet, { palette }, { meter }, { sureBar }, { person }] = await Promise.all(names.map((name) => import(context.at(name))));
  const { el, button, icon, notice, plural, count } = kit;
  let data = context.data;
  const queue = queueOf(kit, data.dataset_id);
  const items = new Map(); // id -> what the server said last
  const ids = []; // in the order in which they came
  const conflicts = new Map(); // id -> {mine, theirs, who}
  const others = new Map(); // id -> who labelled it while it was on screen here
  const settled = new Set(); // asked about and answered: a label in doubt that was looked at
  let at = 0, waiting = null, revision = null, exhausted = false, told = false, stopped = false, view = null, fetching = null, mode = data.mode;

  const state = el("div.saving.quiet", { role: "status" });
  const undo = button("", [icon("undo"), "Undo"], () => desk.undo(), { title: "Backspace, or Ctrl Z" });
  const messages = el("div.messages");
  const number = el("span.quiet.where");
  const progress = el("div.bar", {}, el("i"));
  const place = el("div.place");
  const modes = el("div.modes", { role: "group", "aria-label": "How many pictures at once" },
    [["large", "One"], ["page", "Page"]].map(([name, title]) => button("mode", title, () => desk.show(name), { data: { mode: name } })));

  const desk = {
    kit, ids, conflicts, others, queue,
    get at() { return at; },
    get data() { return data; },
    get labels() { return data.labels; },
    get exhausted() { return exhausted; },
    get waiting() { return waiting; },
    shown: (id) => Object.assign({}, items.get(id), ...queue.pending(id).map(({ label }) => (label === undefined ? {} : { label })),
      ...queue.pending(id).map(({ deleted }) => (deleted === undefined ? {} : { deleted }))),
    pending: (id) => queue.pending(id).length > 0,
    open: (id) => (items.get(id).asked && !settled.has(id)) || !desk.shown(id).label,
    color: (name) => data.labels.find((label) => label.name === name)?.color,
    trigger: context.trigger,

    /** Labels pictures; a name that is new makes a label. Without `step` the hand stays where it is. */
    choose(some, name, step = true) {
      const wanted = some.filter((id) => id !== undefined && items.has(id));
      if (!wanted.length || !name) return;
      learn(name);
      wanted.forEach((id) => (settled.add(id), conflicts.delete(id), others.delete(id)));
      const changed = wanted.filter((id) => desk.shown(id).label !== name);
      if (changed.length) queue.push("relabel", changed.map((id) => ({ image_id: id, label: name })));
      if (step) desk.step(wanted);
      else paint();
    },

    /** Takes the suggestion of each picture that has one: as many actions as there are labels among them. */
    confirm(some) {
      const by = new Map();
      for (const id of some) {
        const name = items.get(id)?.suggestion;
        if (name) by.set(name, [...(by.get(name) ?? []), id]);
      }
      [...by].forEach(([name, mine], turn) => desk.choose(mine, name, turn === by.size - 1));
      return by.size > 0;
    },

    remove(some) {
      queue.push("delete", some.map((id) => ({ image_id: id, deleted: true })));
      desk.step(some);
    },

    /** On to the next picture that waits for a hand. */
    step(done = [ids[at]]) {
      if (!done.includes(ids[at]) && mode === "large") return paint();
      let to = at + 1;
      while (to < ids.length && (!desk.open(ids[to]) || desk.shown(ids[to]).deleted)) to += 1;
      desk.go(to);
    },

    go(to) {
      at = Math.min(Math.max(to, 0), ids.length);
      const here = items.get(ids[at]);
      if (here && !desk.pending(here.id)) queue.saw(here.id, here.revision); // now it is seen as it is
      more();
      paint();
      view.focus();
    },

    undo() {
      const [first] = queue.undo();
      const to = ids.indexOf(first);
      exhausted = false;
      desk.go(to >= 0 ? to : at);
    },

    show(name) {
      if (name === mode && view) return;
      mode = name;
      view?.stop();
      view = (name === "page" ? sheet : large).draw(desk, place, palette, hand);
      for (const one of modes.children) one.setAttribute("aria-pressed", one.dataset.mode === name);
      paint();
      view.focus();
    },

    say(sentence, ...actions) {
      const line = notice(sentence, ...actions, button("plain", "Close", () => line.remove()));
      messages.prepend(line);
      [...messages.children].slice(3).forEach((old) => old.remove());
      return line;
    },

    /** All suggestions above a threshold: one action, one undo. */
    accept(threshold, model, without) {
      queue.push("accept", [], { threshold, model, without });
    },
  };

  const speed = meter(desk);
  const sure = sureBar(desk);
  const me = person(kit, (name) => context.trigger("named", { name }), () => view?.focus());
  context.root.replaceChildren(messages,
    el("div.tools", {}, modes, number, speed.node, el("div.rest", {}, state, undo, me.node)), progress, place, sure.node);

  /** A new label has its colour at once: the next one in the palette, as the server will give it. */
  function learn(name) {
    if (data.labels.some((label) => label.name === name)) return;
    const color = data.palette[data.labels.length % data.palette.length];
    data = { ...data, labels: [...data.labels, { id: null, name, color }] };
    view?.labels();
  }

  // ---- what the server has ---------------------------------------------------------------------------
  function more() {
    if (fetching || exhausted || stopped || ids.length - at >= AHEAD) return fetching;
    const have = ids.slice(-HOLD);
    fetching = kit.persist(() => kit.ask(`/api/datasets/${data.dataset_id}/next`,
      { method: "POST", json: { order: data.order, limit: BATCH, desk: tabName(kit), have } }))
      .then((answer) => {
        waiting = answer.waiting;
        revision ??= answer.revision;
        const fresh = answer.images.filter(({ id }) => !items.has(id)), waits = at >= ids.length;
        for (const image of fresh) {
          items.set(image.id, image);
          ids.push(image.id);
          queue.saw(image.id, image.revision);
          new Image().src = thumb(image.id);
        }
        exhausted = !fresh.length;
        if (waits) while (at < ids.length && !desk.open(ids[at])) at += 1; // whoever has a picture in hand keeps it
      })
      .catch((error) => {
        exhausted = true;
        desk.say(error.message);
      })
      .finally(() => {
        fetching = null;
        more();
        if (!stopped) paint();
      });
    return fetching;
  }

  async function poll() {
    if (stopped) return;
    if (document.visibilityState === "visible" && revision !== null) {
      try {
        hear(await kit.ask(`/api/datasets/${data.dataset_id}/changes?since=${revision}`));
      } catch {
        // The queue says when the server is away; we ask again.
      }
    }
    setTimeout(poll, POLL_MS);
  }

  function hear(news) {
    revision = Math.max(revision, news.revision);
    if (news.waiting > (waiting ?? 0)) exhausted = false;
    waiting = news.waiting;
    speed.model(news.model);
    sure.look(news.model?.folder, news.waiting);
    for (const image of news.images) {
      if (image.label) learn(image.label);
      const known = items.get(image.id);
      if (!known || desk.pending(image.id) || image.revision <= known.revision) continue;
      if (image.label !== known.label) others.set(image.id, image.who);
      Object.assign(known, image);
      if (image.id !== ids[at]) queue.saw(image.id, image.revision); // the one before our eyes is seen when we come back
    }
    if (news.missed) begin();
    more();
    paint();
  }

  function heard({ outcome, entry, refusal }) {
    if (outcome) {
      for (const image of outcome.images) {
        const known = items.get(image.id);
        if (known && waiting !== null) waiting += Boolean(known.label) - Boolean(image.label); // until the next news say so
        if (known) Object.assign(known, image);
        if (image.label) learn(image.label);
      }
      for (const id of outcome.conflicts) {
        const mine = entry.changes.find(({ image_id }) => image_id === id)?.label;
        if (mine) clash(id, mine, outcome.by?.[id]);
      }
      if (entry.kind === "relabel") speed.labelled(outcome.changed.length);
      if (entry.kind === "undo") outcome.changed.forEach((id) => settled.delete(id));
      if (entry.kind === "accept" || entry.kind === "undo") again();
    }
    if (refusal) desk.say(refusal);
    paint();
  }

  function clash(id, mine, who) {
    const image = items.get(id);
    if (!image) return;
    const theirs = image.label;
    const by = who && who !== "you" ? who : "Somebody else";
    conflicts.set(id, { mine, theirs, who: by });
    const over = () => (conflicts.delete(id), line.remove(), paint());
    const line = desk.say(`${by} ${theirs ? `labelled ${image.name} \u201c${theirs}\u201d` : `took the label off ${image.name}`} meanwhile; you wanted \u201c${mine}\u201d. Theirs is kept.`,
      button("", theirs ? `Keep \u201c${theirs}\u201d` : "Keep it so", over),
      button("", `Make it \u201c${mine}\u201d`, () => (queue.saw(id, image.revision), desk.choose([id], mine, false), over())));
  }

  /** Pictures that nobody has looked at yet are asked for anew: their suggestions or labels are others now. */
  function again() {
    for (const id of ids.splice(at + 1)) if (!desk.pending(id)) items.delete(id);
    exhausted = false;
    more();
  }

  function begin() {
    ids.splice(0);
    items.clear();
    conflicts.clear();
    at = 0;
    exhausted = told = false;
    revision = null;
    more();
  }

  // ---- painting --------------------------------------------------------------------------------------
  function paint() {
    if (stopped || !view) return;
    const left = queue.entries.length;
    undo.disabled = !queue.canUndo;
    state.dataset.state = queue.waiting ? "waiting" : left ? "saving" : "saved";
    state.replaceChildren(queue.waiting
      ? `The server does not answer. ${plural(left, "change")} kept here and sent again.`
      : left ? `Saving ${plural(left, "change")}` : "All changes saved");
    const done = ids.filter((id) => !desk.open(id)).length;
    number.textContent = `${count(done)} done here` + (waiting === null ? "" : `, ${count(Math.max(0, waiting - unsaved()))} without a label`);
    const whole = done + Math.max(0, data.order === "doubtful" ? ids.length - done : (waiting ?? 0) - unsaved());
    progress.firstChild.style.width = `${whole ? (100 * done) / whole : 0}%`;
    view.paint();
    if (at >= ids.length && exhausted && !left && !told && !fetching) {
      told = true;
      context.trigger("next", { labelled: done });
    }
  }

  const unsaved = () => ids.filter((id) => !items.get(id).label && desk.shown(id).label).length;

  function take(next) {
    const again = next.page !== data.page;
    const mine = data.labels.filter(({ name }) => !next.labels.some((label) => label.name === name));
    data = { ...next, labels: [...next.labels, ...mine] };
    if (again) begin();
    view?.labels();
    paint();
  }

  queue.listeners.add(heard);
  desk.show(mode);
  more();
  poll();
  const warn = (event) => queue.entries.length && event.preventDefault();
  addEventListener("beforeunload", warn);
  return {
    update: take,
    stop() {
      stopped = true;
      queue.listeners.delete(heard); // the queue itself goes on until all is acknowledged
      view?.stop();
      removeEventListener("beforeunload", warn);
    },
  };
}

export const thumb = (id) => `/api/images/${id}/thumb`;
