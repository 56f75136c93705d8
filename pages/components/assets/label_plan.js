// What a person makes of the labels that were read, before anything is added: another name, one name for two, none.

const CHIPS = 60;
const ROWS = 300;
const WAYS = {
  folders: ["By folder", "the innermost folder is the label"],
  outer: ["By outer folder", "the outermost folder is the label"],
  table: ["By table", "a CSV beside the pictures says it"],
  names: ["By file name", "the beginning of the name is the label"],
  none: ["No labels", "label the pictures afterwards"],
};

/** The ways to read the labels, as one choice; null where there is only one. */
export function readings({ el }, { choices = [], reading }, choose) {
  if (!choices.length) return null;
  return el("fieldset.ways", {}, el("legend", {}, "Where do the labels stand?"), choices.map(({ kind, labels, example }) => {
    const [title, words] = WAYS[kind];
    const more = labels ? `${labels} labels: ${example.join(", ")}${labels > example.length ? " \u2026" : ""}` : words;
    const box = el("input", { type: "radio", name: "reading", checked: kind === reading, onchange: () => choose(kind) });
    return el("label.way", {}, box, el("b", {}, title), el("span.quiet", {}, more));
  }));
}

/** {chips, editor, questions}: elements; `kept()`: pictures that will be added; `renamed()`: {old: new or null}. */
export function plan(kit, found, data) {
  const { el, button, chip, count, notice, plural } = kit;
  const names = new Map(Object.keys(found.labels).map((name) => [name, name])); // old -> new; null: left out
  const natural = new Intl.Collator("en", { numeric: true });
  const order = [...names.keys()].sort(natural.compare);
  const known = new Map(data.labels.map(({ name, color }) => [name, color]));
  const chips = el("div.chips"), rows = el("div.rows"), questions = [];
  const made = { chips, questions, changed: () => {}, kept, renamed, editor: null };

  function kept() {
    return order.reduce((sum, name) => sum + (names.get(name) === null ? 0 : found.labels[name]), found.unlabelled);
  }
  function renamed() {
    return Object.fromEntries([...names].filter(([old, name]) => old !== name));
  }
  function colours() {
    let next = data.labels.length;
    const wanted = [...new Set(order.map((old) => names.get(old)).filter((name) => name !== null))].sort(natural.compare);
    // In the order in which the server will make them, so that each has here the colour it keeps.
    return new Map(wanted.map((name) => [name, known.get(name) ?? data.palette[next++ % data.palette.length]]));
  }
  function draw() {
    const total = new Map();
    for (const old of order) {
      const name = names.get(old);
      if (name !== null) total.set(name, (total.get(name) ?? 0) + found.labels[old]);
    }
    const all = [...colours()].map(([name, colour]) => chip(name, colour, count(total.get(name))));
    if (found.unlabelled) all.push(chip("without a label", null, count(found.unlabelled)));
    const more = all.length - CHIPS;
    chips.replaceChildren(...all.slice(0, CHIPS), ...(more > 0 ? [el("span.quiet", {}, `and ${count(more)} more`)] : []));
    made.changed();
  }
  const give = (old, name) => (names.set(old, name), draw());

  for (const group of found.alike ?? []) {
    const mine = group.filter((name) => names.has(name));
    const target = group.find((name) => known.has(name)) ??
      mine.reduce((best, name) => (found.labels[name] > found.labels[best] ? name : best));
    const sentence = `${group.map((name) => `\u201c${name}\u201d`).join(" and ")} look like one label. Are they?`;
    const asked = el("div");
    const answer = (merge) => {
      for (const name of mine) names.set(name, merge ? target : name);
      asked.replaceChildren(el("p.quiet", {}, merge ? `Merged into \u201c${target}\u201d.` : `${group.length} labels, kept apart.`));
      fill();
      draw();
    };
    asked.append(notice(sentence, button("", "Merge them", () => answer(true)), button("plain", "Keep them apart", () => answer(false))));
    questions.push(asked);
  }

  function row(old) {
    const field = el("input", { type: "text", value: names.get(old) ?? old, maxLength: 100, "aria-label": `Name of ${old}`, disabled: names.get(old) === null });
    const out = button("plain", names.get(old) === null ? "Put back" : "Leave out", () => {
      give(old, names.get(old) === null ? field.value.trim() || old : null);
      line.replaceWith((line = row(old)));
    });
    field.oninput = () => give(old, field.value.trim() || old);
    field.onkeydown = (event) => event.stopPropagation();
    let line = el("div.label-row", {}, el("span.was", { title: old }, old), field, el("span.quiet", {}, plural(found.labels[old], "picture")), out);
    return line;
  }
  function fill() {
    rows.replaceChildren(...order.slice(0, ROWS).map(row));
  }
  if (order.length) {
    made.editor = el("details", {}, el("summary", {}, "Rename, merge or leave out labels"),
      el("p.quiet", {}, "Labels with the same name become one."), rows);
    fill();
  }
  draw();
  return made;
}
