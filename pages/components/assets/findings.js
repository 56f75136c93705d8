// Findings: one card each. A click acts, the card says so once the server has it, and one click takes it back.

const SPLITS = { auto: "", train: "training", validation: "validation", test: "testing" };
const SIDES = [["train", "training"], ["validation", "validation"], ["test", "testing"]];

export async function mount(kit, context) {
  const { el, icon, ask, persist, Refusal, plural, token, chip, notice, button } = kit;
  let data = context.data;
  let cards = new Map(); // key -> what the card shows

  const large = el("dialog.large");
  const place = el("div.findings", { role: "list" });
  const all = el("div.all");
  context.root.replaceChildren(all, place, large);
  large.onclick = () => large.close();

  const color = (name) => data.labels.find((label) => label.name === name)?.color;
  const post = (path, json) => ask(path, { method: "POST", json });
  const url = (name) => `/api/datasets/${data.dataset_id}/findings/${name}`;

  // ---- acting ------------------------------------------------------------------------------------------

  /** One action about some cards: sent until the server has it, and only then said to be done. */
  async function act(some, action, choice = null, words = "") {
    const open = some.filter(({ state }) => state === "open");
    if (!open.length) return;
    const revisions = Object.fromEntries(open.flatMap(({ row }) => row.images.map(({ id, revision }) => [id, revision])));
    const sent = { action, choice, keys: open.map(({ row }) => row.key), token: token(), revisions };
    await saving(open, async () => {
      const outcome = await post(url("act"), sent);
      const said = words || outcome.summary;
      const left = outcome.conflicts.length;
      const also = left ? ` ${plural(left, "picture")} ${left === 1 ? "was" : "were"} changed by somebody else and left alone.` : "";
      return { said: `${said}.${also}`, action: outcome.action_id };
    });
  }

  async function ignore(some, ignored) {
    const open = some.filter(({ state }) => state === "open");
    if (!open.length) return;
    await saving(open, async () => {
      await post(url("ignore"), { keys: open.map(({ row }) => row.key), ignored });
      return { said: ignored ? "Ignored for ever." : "Shown again from now on.", ignored };
    });
  }

  /** Cards settled together are undone together. */
  async function undo(card) {
    const { done } = card;
    const together = [...cards.values()].filter((other) => other.done === done);
    let tries = 0;
    await saving(together, async () => {
      if (done.ignored !== undefined) {
        await post(url("ignore"), { keys: together.map(({ row }) => row.key), ignored: !done.ignored });
      } else {
        tries += 1;
        await post(`/api/actions/${done.action}/undo`, {}).catch((error) => {
          // "Already undone" on a second try: the first one arrived and its answer was lost.
          if (!(tries > 1 && error instanceof Refusal)) throw error;
        });
        // The pictures have other revisions now; whoever acts again must not be told that somebody else did it.
        for (const { row } of together) row.images.forEach((image) => delete image.revision);
      }
      return null;
    });
  }

  async function saving(some, attempt) {
    for (const card of some) Object.assign(card, { before: card.state, state: "saving", problem: "", waiting: false });
    some.forEach(paint);
    const waiting = (is) => some.forEach((card) => ((card.waiting = is), paint(card)));
    try {
      const done = await persist(attempt, { waiting });
      for (const card of some) Object.assign(card, { state: done ? "done" : "open", done });
    } catch (error) {
      for (const card of some) Object.assign(card, { state: card.before, problem: error.message });
    }
    some.forEach(paint);
    summary();
  }

  // ---- one card ----------------------------------------------------------------------------------------

  function paint(card) {
    const { row, state, node } = card;
    node.dataset.state = state;
    node.dataset.severity = row.severity;
    if (state === "done") {
      const back = card.done.action !== null && button("", [icon("undo"), "Undo"], () => undo(card));
      return node.replaceChildren(el("div.settled", {}, icon("check"), el("p", {}, el("b", {}, `${row.title}:`), ` ${card.done.said}`), back || ""));
    }
    const busy = state === "saving";
    const buttons = busy ? [] : choices(card);
    const status = busy && el("span.quiet.saving", {}, card.waiting ? "The server does not answer. This is sent again until it does." : "Saving");
    node.replaceChildren(
      el("div.head", {}, el("i.severity"), el("b", {}, row.title)),
      el("p.sentence", {}, row.sentence),
      pictures(card),
      ...(card.problem ? [notice(card.problem)] : []),
      el("div.row.actions", {}, ...buttons, status || ""));
  }

  function pictures(card) {
    const { row } = card;
    const several = row.images.length > 1 && row.actions.includes("keep");
    const prints = row.images.map((image) => {
      const picture = el("img", { src: `/api/images/${image.id}/thumb`, alt: image.name, loading: "lazy", decoding: "async" });
      picture.onerror = () => frame.classList.add("missing");
      const frame = el("button.frame", { type: "button", title: `${image.name}: see it large`, onclick: () => open(image) }, picture);
      const facts = [SPLITS[image.split], `${kit.count(image.width)} \u00d7 ${kit.count(image.height)}`].filter(Boolean).join(", ");
      const keep = several && card.state === "open" &&
        button(image.id === row.detail.keep ? "small.best" : "small", "Keep this one", () => act([card], "keep", image.id, "Kept one, the others are in the trash"));
      return el("figure", {}, frame, el("figcaption", {}, image.label === null ? el("span.quiet", {}, "no label") : chip(image.label, color(image.label)),
        el("span.quiet.small", {}, facts)), keep || "");
    });
    const more = row.more ? [el("p.quiet.more", {}, `and ${plural(row.more, "more picture")}`)] : [];
    return el("div.prints", {}, ...prints, ...more);
  }

  function open(image) {
    large.replaceChildren(
      el("img", { src: `/api/images/${image.id}/view`, alt: image.name }),
      el("div.foot", {}, image.label === null ? "" : chip(image.label, color(image.label)), el("span.quiet.path", {}, image.name), button("", "Close", () => large.close())));
    large.showModal();
  }

  function choices(card) {
    const { row } = card;
    const { actions, detail } = row;
    const some = row.images.length + row.more;
    if (row.ignored) return [button("", "Show it again", () => ignore([card], false))];
    const found = [];
    if (actions.includes("move")) {
      const side = detail.split;
      found.push(button("do", `Use all for ${SPLITS[side]}`, () => act([card], "move", side, `All are used for ${SPLITS[side]}`)));
      for (const [name, words] of SIDES) {
        if (name !== side) found.push(button("", `Use all for ${words}`, () => act([card], "move", name, `All are used for ${words}`)));
      }
    }
    if (actions.includes("relabel")) {
      const names = row.kind === "suspect" ? [detail.label] : detail.labels;
      names.slice(0, 6).forEach((name, at) => {
        const said = row.kind === "suspect" ? "It is" : some > 2 ? "All are" : "Both are";
        found.push(button(row.kind === "suspect" && at === 0 ? "do" : "", [`${said} `, chip(name, color(name))],
          () => act([card], "relabel", name, `Labelled \u201c${name}\u201d`)));
      });
    }
    if (actions.includes("keep") && !actions.includes("move")) {
      const words = some > 2 ? "Keep the best, remove the others" : "Keep the best one";
      found.push(button(found.length ? "" : "do", words, () => act([card], "keep", null, "Kept one, the rest is in the trash")));
    }
    if (actions.includes("merge")) {
      found.push(button("do", ["Make both ", chip(detail.into, color(detail.into))], () => act([card], "merge", null, `All are labelled \u201c${detail.into}\u201d now`)));
    }
    if (actions.includes("remove")) {
      const single = some === 1 ? "Remove it" : "Remove all";
      found.push(button(found.length ? "" : "do", [icon("bin"), single], () => act([card], "remove", null, some === 1 ? "It is in the trash" : "They are in the trash")));
    }
    const right = row.kind === "suspect" ? "The label is right" : "Ignore for ever";
    found.push(button("plain", right, () => ignore([card], true)));
    return found;
  }

  // ---- all cards ---------------------------------------------------------------------------------------

  /** What all cards on the page have in common can be done to all of them at once. */
  function summary() {
    const open = [...cards.values()].filter(({ state, row }) => state === "open" && !row.ignored);
    const settled = [...cards.values()].filter(({ state }) => state === "done").length;
    const kinds = new Set(open.map(({ row }) => row.kind));
    const parts = [];
    if (open.length > 1 && kinds.size === 1) {
      const { actions, kind } = open[0].row;
      const words = { keep: "Keep the best of each", remove: "Remove all", relabel: "Take every suggestion", move: "Take every suggestion" };
      const action = kind === "two_labels" ? null : actions[0];
      if (words[action]) parts.push(button("", `${words[action]} (${open.length})`, () => act(open, action)));
      parts.push(button("plain", `Ignore all ${open.length} for ever`, () => ignore(open, true)));
    }
    if (settled) {
      const next = open.length ? "Bring the counts up to date" : "Show the next ones";
      parts.push(button(open.length ? "plain" : "do", next, () => context.trigger("settled", { left: open.length })));
    }
    all.replaceChildren(...parts);
    all.hidden = !parts.length;
  }

  function take(next) {
    const again = next.page !== data.page || !cards.size;
    data = next;
    if (!again) return;
    cards = new Map(next.findings.map((row) => [row.key, { row, state: "open", node: el("div.card", { role: "listitem" }) }]));
    place.replaceChildren(...[...cards.values()].map(({ node }) => node));
    cards.forEach((card) => paint(card));
    summary();
  }

  take(data);
  return { update: take, stop() {} };
}
