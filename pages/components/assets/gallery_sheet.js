// The contact sheet: thumbnails in frames, the grease-pencil ring round the selected ones, a bar of what to do with them.

export function draw(model, place, ids) {
  const { el, button, icon, chip, count, plural } = model.kit;
  const selected = new Set();
  const cells = new Map();
  let anchor = 0; // index where a shift-click range begins
  let cursor = 0;

  const bar = el("div.tools");
  const grid = el("div.sheet", { role: "listbox", "aria-multiselectable": "true", "aria-label": "Pictures" });
  const large = el("dialog.large");
  place.replaceChildren(bar, grid, large);

  for (const [index, id] of ids.entries()) grid.append(cell(id, index));

  function cell(id, index) {
    const picture = el("img", { src: `/api/images/${id}/thumb`, alt: "", loading: "lazy", decoding: "async", draggable: false });
    picture.onerror = () => frame.classList.add("missing");
    const frame = el("span.frame", {}, picture, el("i.ring"));
    const caption = el("span.caption");
    const node = el("div.cell", { role: "option", tabIndex: index ? -1 : 0 }, frame, caption);
    node.onclick = (event) => point(index, event);
    node.ondblclick = () => open(index);
    cells.set(id, { node, caption });
    return node;
  }

  // ---- selecting ---------------------------------------------------------------------------------------
  const alive = () => ids.filter((id) => !cells.get(id).node.hidden);

  function point(index, { shiftKey, ctrlKey, metaKey, pointerType }) {
    const id = ids[index];
    if (shiftKey) range(anchor, index);
    else if (ctrlKey || metaKey || pointerType === "touch") selected.has(id) ? selected.delete(id) : selected.add(id);
    else if (selected.size === 1 && selected.has(id)) selected.clear();
    else only(id);
    if (!shiftKey) anchor = index;
    focus(index);
    paint();
  }

  function only(id) {
    selected.clear();
    selected.add(id);
  }

  function range(from, to) {
    selected.clear();
    for (const id of ids.slice(Math.min(from, to), Math.max(from, to) + 1)) if (!cells.get(id).node.hidden) selected.add(id);
  }

  function focus(index) {
    cells.get(ids[cursor])?.node.setAttribute("tabindex", -1);
    cursor = index;
    const { node } = cells.get(ids[index]);
    node.tabIndex = 0;
    node.focus({ preventScroll: false });
  }

  /** The next picture still there, `step` places on; stays where it is at the ends. */
  function move(step, extend) {
    let to = cursor + step;
    while (ids[to] !== undefined && cells.get(ids[to]).node.hidden) to += Math.sign(step);
    if (ids[to] === undefined) return;
    if (extend) range(anchor, to);
    else {
      only(ids[to]);
      anchor = to;
    }
    focus(to);
    paint();
  }

  const columns = () => getComputedStyle(grid).gridTemplateColumns.split(" ").length;

  // ---- keys --------------------------------------------------------------------------------------------
  place.onkeydown = (event) => {
    if (event.target.matches("input, select") || event.altKey) return;
    const command = event.ctrlKey || event.metaKey;
    const key = command ? `Ctrl ${event.key.toLowerCase()}` : event.key;
    const act = keys[key] ?? (/^[1-9]$/.test(key) && (() => labelWith(Number(key) - 1)));
    if (!act || (event.repeat && !key.startsWith("Arrow"))) return;
    if ((key === "Enter" || key === " ") && event.target.matches("button, summary")) return;
    event.preventDefault();
    event.stopPropagation();
    act(event);
  };
  const keys = {
    "Ctrl a": () => (alive().forEach((id) => selected.add(id)), paint()),
    "Ctrl z": () => model.undoLast(),
    ArrowRight: (event) => step(1, event),
    ArrowLeft: (event) => step(-1, event),
    ArrowDown: (event) => step(large.open ? 1 : columns(), event),
    ArrowUp: (event) => step(large.open ? -1 : -columns(), event),
    Enter: () => (large.open ? large.close() : open(cursor)),
    Escape: () => (large.open ? large.close() : (selected.clear(), paint())),
    Delete: () => removeSelected(),
    Backspace: () => removeSelected(),
    " ": () => point(cursor, { ctrlKey: true }),
  };
  const step = (by, { shiftKey }) => (move(by, shiftKey && !large.open), large.open && fill());

  function labelWith(at) {
    const label = model.labels[at];
    if (!label || !selected.size) return;
    model.label([...selected], label.name);
    if (selected.size === 1) move(1); // one picture: on to the next, as when labelling
    if (large.open) fill();
  }

  function removeSelected() {
    const gone = [...selected];
    if (!gone.length) return;
    move(1);
    gone.forEach((id) => selected.delete(id));
    model.remove(gone);
    if (large.open) large.close();
  }

  // ---- the bar -----------------------------------------------------------------------------------------
  function tools() {
    const n = selected.size;
    const rest = el("div.rest", {}, model.state, model.undo);
    if (!n) {
      const hint = el("span.quiet.hint", {}, "Click a picture to select it, Shift for several, Enter to see it large.");
      return bar.replaceChildren(button("", "Select all", keys["Ctrl a"]), hint, rest);
    }
    const some = model.labels.slice(0, 9).map((label, at) =>
      button("label", [chipLike(label), el("kbd", {}, `${at + 1}`)], () => labelWith(at), { title: `${label.name}: key ${at + 1}` }));
    bar.replaceChildren(
      el("b.number", {}, `${count(n)} selected`),
      el("div.labels", {}, some),
      more(), button("", [icon("bin"), "Delete"], removeSelected, { title: "Delete key" }),
      button("plain", "Clear", keys.Escape), rest);
  }

  const chipLike = ({ name, color }) => el("span.mini", {}, el("i.dot", { style: { "--c": color } }), el("span.name", {}, name));

  /** Labels beyond the ninth, a new one, none at all, and what the pictures are used for. */
  function more() {
    const option = (value, text) => el("option", { value }, text);
    const group = (label, ...options) => Object.assign(el("optgroup", {}, ...options), { label });
    const uses = { auto: "Darkroom decides", train: "Training", validation: "Validation", test: "Testing" };
    const menu = el("select", { title: "More to do with the selected pictures" }, option("", "More"),
      group("Label", model.labels.slice(9).map(({ name }, at) => option(`at ${at + 9}`, name)),
        option("new", "New label\u2026"), option("none", "Take the label away")),
      group("Use for", Object.entries(uses).map(([value, text]) => option(`use ${value}`, text))));
    menu.onchange = () => {
      const [what, which] = menu.value.split(" ");
      if (what === "new") return menu.replaceWith(naming());
      if (what === "none") model.label([...selected], null);
      if (what === "at") labelWith(Number(which));
      if (what === "use") model.split([...selected], which);
      tools();
    };
    return menu;
  }

  function naming() {
    const input = el("input.new", { type: "text", placeholder: "New label, then Enter", maxLength: 100 });
    input.onkeydown = (event) => {
      event.stopPropagation();
      const name = input.value.trim();
      if (event.key === "Enter" && name) {
        const chosen = [...selected];
        model.label(chosen, name);
        tools();
        focus(cursor);
      }
      if (event.key === "Escape") tools();
    };
    setTimeout(() => input.focus());
    return input;
  }

  // ---- large -------------------------------------------------------------------------------------------
  function open(index) {
    only(ids[index]);
    anchor = cursor = index;
    fill();
    large.showModal();
    paint();
  }

  function fill() {
    const image = model.shown(ids[cursor]);
    large.replaceChildren(
      el("img", { src: `/api/images/${image.id}/view`, alt: image.name }),
      el("div.foot", {}, chip(image.label ?? "no label", model.color(image.label)), el("span.quiet.path", {}, image.name),
        el("span.quiet", {}, `${count(image.width)} \u00d7 ${count(image.height)}`),
        button("", [icon("left")], () => step(-1, {}), { title: "Previous (left arrow)" }),
        button("", [icon("right")], () => step(1, {}), { title: "Next (right arrow)" }),
        button("", "Close", () => large.close())));
  }
  large.onclose = () => cells.get(ids[cursor]) && focus(cursor);
  large.onclick = (event) => event.target === large && large.close();

  // ---- painting ----------------------------------------------------------------------------------------
  function paint(some) {
    for (const id of some ?? ids) if (cells.has(id)) paintCell(id);
    for (const id of ids) cells.get(id).node.setAttribute("aria-selected", selected.has(id));
    tools();
  }

  function paintCell(id) {
    const { node, caption } = cells.get(id);
    const image = model.shown(id), pending = model.pending(id);
    node.hidden = image.deleted && !pending;
    if (node.hidden) selected.delete(id);
    node.dataset.state = image.deleted ? "leaving" : model.conflicts.has(id) ? "conflict" : pending ? "pending" : "saved";
    node.title = image.name;
    node.setAttribute("aria-label", `${image.name}, ${image.label ?? "no label"}`);
    const mark = model.conflicts.has(id) ? icon("warn") : pending ? el("i.wait", { title: "Being saved" }) : null;
    const dot = el("i.dot", { style: { "--c": model.color(image.label) ?? "transparent" } });
    caption.replaceChildren(...[dot, el("span.name", {}, image.label ?? "no label"), mark].filter(Boolean));
  }

  if (!ids.length) grid.append(el("p.quiet.empty", {}, "No pictures here. Change the filter, or add some."));
  return { paint, labels: tools, stop: () => (place.onkeydown = null) };
}
