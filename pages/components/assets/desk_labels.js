// The labels with their keys: 1 to 9 for the first nine, and for every one of them a few letters of its name.

/** `choose(name)` is called with a label's name; a name that is new makes one. */
export function palette(desk, choose) {
  const { el, button, renew } = desk.kit;
  const input = el("input.find", { type: "text", placeholder: "Type a label", maxLength: 100, "aria-label": "Find a label, or make a new one" });
  const list = el("div.choices", { role: "listbox", "aria-label": "Labels" });
  const node = el("div.palette", {}, input, list);
  let now = null; // the label of the picture in hand
  let marked = 0;

  const wanted = () => input.value.trim();
  const plain = (text) => text.toLocaleLowerCase();
  /** Names that begin with what was typed come first, then those that hold it. */
  function found() {
    const text = plain(wanted());
    const holding = desk.labels.map((label, index) => ({ label, index })).filter(({ label }) => plain(label.name).includes(text));
    return text ? holding.sort((a, b) => plain(b.label.name).startsWith(text) - plain(a.label.name).startsWith(text)) : holding;
  }

  const isNew = () => wanted() && !desk.labels.some(({ name }) => name === wanted());

  function paint(label = now) {
    now = label;
    const some = found();
    renew(list, [some.map(({ label, index }) => [label.name, label.color, index]), now, marked, wanted()], () => choices(some));
  }

  function choices(some) {
    const made = some.map(({ label, index }, place) =>
      button(`label${label.name === now ? ".on" : ""}${wanted() && place === marked ? ".marked" : ""}`,
        [el("i.dot", { style: { "--c": label.color } }), el("span.name", {}, label.name), !wanted() && index < 9 && el("kbd", {}, `${index + 1}`)].filter(Boolean),
        () => pick(label.name), { title: label.name }));
    if (isNew()) made.push(button(`label.fresh${marked >= some.length ? ".marked" : ""}`, ["New label \u201c", el("span.name", {}, wanted()), "\u201d"], () => pick(wanted())));
    return made;
  }

  function pick(name) {
    input.value = "";
    marked = 0;
    choose(name);
  }

  input.oninput = () => ((marked = 0), paint());
  input.onkeydown = (event) => {
    event.stopPropagation();
    const some = found();
    const last = some.length - (isNew() ? 0 : 1);
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      marked = Math.min(Math.max(marked + (event.key === "ArrowDown" ? 1 : -1), 0), Math.max(last, 0));
      return paint();
    }
    if (event.key === "Escape") {
      input.value = "";
      paint();
      return input.blur(), node.dispatchEvent(new CustomEvent("leave"));
    }
    if (event.key === "Enter" && wanted() && !event.repeat) {
      event.preventDefault();
      pick(some[marked]?.label.name ?? wanted());
    }
  };

  return {
    node, paint,
    /** A letter was pressed elsewhere: it begins a search. */
    begin(letter) {
      input.value = letter;
      marked = 0;
      input.focus();
      paint();
    },
    byKey: (key) => desk.labels[Number(key) - 1]?.name,
  };
}
