// The contact sheet: thumbnails in frames, the grease-pencil ring round the selected ones, a bar of what to do with them.

const FAR = 6; // px from where a drag is one

export function draw(model, place, ids) {
  const { el, button, icon, count, percent, plural, renew } = model.kit;
  const selected = new Set();
  const cells = new Map();
  let all = false; // not only those on this page: all that match
  let anchor = 0; // index where a shift-click range begins
  let cursor = 0;

  const tools = el("div.tools");
  const grid = el("div.sheet", { role: "listbox", "aria-multiselectable": "true", "aria-label": "Pictures" });
  const large = model.largePicture(model, { step: (by) => stepLarge(by), closed: () => cells.get(ids[cursor]) && focus(cursor) });
  const example = model.byExample(model);
  const offer = el("div.offer");
  place.replaceChildren(tools, offer, example.node, grid, large.dialog);
  example.listen(place);

  const bar = model.selectionBar(model, tools, {
    target: () => (all ? { where: model.data.where, count: model.data.total } : [...selected]),
    size: () => (all ? model.data.total : selected.size),
    clear: () => (clear(), paint(), focus(cursor)),
    idle: () => [ids.length > 0 && button("", "Select all", everything, { title: "Ctrl A" }), model.data.mode === "sheet" && model.data.where && example.button,
      ids.length > 0 && el("span.quiet.hint", {}, "Click selects, Shift a range, drag a field, Enter shows it large.")].filter(Boolean),
    after,
  });

  for (const [index, id] of ids.entries()) grid.append(cell(id, index));

  function cell(id, index) {
    const picture = el("img", { src: `/api/images/${id}/thumb`, alt: "", loading: "lazy", decoding: "async", draggable: false });
    picture.onerror = () => frame.classList.add("missing");
    const frame = el("span.frame", {}, picture, el("i.ring"));
    const caption = el("span.caption");
    const node = el("div.cell", { role: "option", tabIndex: index ? -1 : 0 }, frame, caption);
    node.onclick = (event) => dragged || point(index, event);
    node.ondblclick = () => open(index);
    cells.set(id, { node, caption });
    return node;
  }

  // ---- selecting ---------------------------------------------------------------------------------------
  const alive = () => ids.filter((id) => !cells.get(id).node.hidden);
  const everything = () => (alive().forEach((id) => selected.add(id)), paint(), focus(cursor));

  function clear() {
    selected.clear();
    all = false;
  }

  /** Once a whole page is selected: the rest of what matches, too. */
  function offers() {
    const { total, where } = model.data;
    if (!where || all || total <= ids.length || selected.size < alive().length) return [];
    return [button("", `Select all ${count(total)} that match`, () => ((all = true), paint(), focus(cursor)))]; // the button goes: keys go on working
  }

  function point(index, { shiftKey, ctrlKey, metaKey, pointerType }) {
    const id = ids[index];
    all = false;
    if (shiftKey) range(anchor, index);
    else if (ctrlKey || metaKey || pointerType === "touch") selected.has(id) ? selected.delete(id) : selected.add(id);
    else if (selected.size === 1 && selected.has(id)) selected.clear();
    else only(id);
    if (!shiftKey) anchor = index;
    focus(index);
    paint();
  }

  function only(id) {
    clear();
    selected.add(id);
  }

  function range(from, to) {
    clear();
    for (const id of ids.slice(Math.min(from, to), Math.max(from, to) + 1)) if (!cells.get(id).node.hidden) selected.add(id);
  }

  // A field drawn with the mouse takes in every picture it touches.
  let dragged = false;
  grid.onpointerdown = (down) => {
    dragged = false;
    if (down.button || down.pointerType === "touch") return;
    const kept = down.shiftKey || down.ctrlKey || down.metaKey ? [...selected] : [];
    const field = el("div.field");
    const move = (event) => {
      if (!dragged && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < FAR) return;
      if (!dragged) grid.append(field);
      dragged = true;
      const box = { left: Math.min(down.clientX, event.clientX), right: Math.max(down.clientX, event.clientX), top: Math.min(down.clientY, event.clientY), bottom: Math.max(down.clientY, event.clientY) };
      Object.entries({ left: box.left, top: box.top, width: box.right - box.left, height: box.bottom - box.top }).forEach(([name, px]) => field.style.setProperty(name, `${px}px`));
      clear();
      kept.forEach((id) => selected.add(id));
      for (const id of alive()) {
        const at = cells.get(id).node.getBoundingClientRect();
        if (at.left < box.right && at.right > box.left && at.top < box.bottom && at.bottom > box.top) selected.add(id);
      }
      paint([]);
    };
    const up = () => {
      removeEventListener("pointermove", move);
      field.remove();
      setTimeout(() => (dragged = false)); // the click that ends a drag selects nothing
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up, { once: true });
  };

  function focus(index) {
    if (!ids.length) return;
    cells.get(ids[cursor])?.node.setAttribute("tabindex", -1);
    cursor = index;
    const { node } = cells.get(ids[index]);
    node.tabIndex = 0;
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "nearest" });
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
    const act = keys[key] ?? (/^[1-9]$/.test(key) && (() => bar.labelWith(Number(key) - 1)));
    if (!act || (event.repeat && !key.startsWith("Arrow"))) return;
    if ((key === "Enter" || key === " ") && event.target.matches("button, summary")) return;
    event.preventDefault();
    event.stopPropagation();
    act(event);
  };
  const keys = {
    "Ctrl a": everything,
    "Ctrl z": () => model.undoLast(),
    ArrowRight: (event) => step(1, event),
    ArrowLeft: (event) => step(-1, event),
    ArrowDown: (event) => step(large.dialog.open ? 1 : columns(), event),
    ArrowUp: (event) => step(large.dialog.open ? -1 : -columns(), event),
    Enter: () => (large.dialog.open ? large.dialog.close() : ids.length && open(cursor)),
    Escape: () => (large.dialog.open ? large.dialog.close() : (clear(), paint())),
    Delete: () => bar.remove(),
    Backspace: () => bar.remove(),
    " ": () => ids.length && point(cursor, { ctrlKey: true }),
  };
  const step = (by, { shiftKey }) => (large.dialog.open ? stepLarge(by) : move(by, shiftKey));
  const stepLarge = (by) => (move(by), fill());

  function after(what) {
    if (what === "label" && !all && selected.size === 1) move(1); // one picture: on to the next, as when labelling
    if (what === "remove") {
      const gone = [...selected];
      if (!all) move(1);
      gone.forEach((id) => selected.delete(id));
      if (all) clear();
      large.dialog.close();
    }
    if (what === "restore") clear();
    if (what === "named") focus(cursor);
    if (large.dialog.open) fill();
  }

  // ---- large -------------------------------------------------------------------------------------------
  function open(index) {
    only(ids[index]);
    anchor = cursor = index;
    fill();
    paint();
  }
  const fill = () => large.show(model.shown(ids[cursor]));

  // ---- painting ----------------------------------------------------------------------------------------
  function paint(some) {
    for (const id of some ?? ids) if (cells.has(id)) paintCell(id);
    for (const id of ids) cells.get(id).node.setAttribute("aria-selected", selected.has(id));
    renew(offer, offers().map((one) => one.textContent), offers);
    bar.draw();
  }

  function paintCell(id) {
    const { node, caption } = cells.get(id);
    const image = model.shown(id), pending = model.pending(id);
    const home = model.data.mode === "trash"; // where a picture belongs on this sheet
    node.hidden = Boolean(image.deleted) !== home && !pending;
    if (node.hidden) selected.delete(id);
    node.dataset.state = Boolean(image.deleted) !== home ? "leaving" : model.conflicts.has(id) ? "conflict" : pending ? "pending" : "saved";
    node.title = image.name;
    node.setAttribute("aria-label", `${image.name}, ${image.label ?? "no label"}`);
    const clash = model.conflicts.has(id), color = model.color(image.label) ?? "transparent";
    renew(caption, [image.label, color, clash, pending, image.suggestion, image.confidence, image.left, image.held], () => {
      const mark = clash ? icon("warn") : pending ? el("i.wait", { title: "Being saved" }) : null;
      const dot = el("i.dot", { style: { "--c": color } });
      return [dot, el("span.name", {}, image.label ?? "no label"), mark, beneath(image)].filter(Boolean);
    });
  }

  /** A second line: what the model would say, how like the example it is, or how long the trash keeps it. */
  function beneath({ suggestion, confidence, left, held }) {
    if (suggestion) return el("span.beneath", { title: suggestion }, `model: ${suggestion}, ${percent(confidence)}`);
    if (left === undefined) return null;
    return el("span.beneath", {}, held ? "kept for a version" : left ? `${plural(left, "day")} left` : "goes today");
  }

  if (!ids.length) grid.append(el("p.quiet.empty", {}, "No pictures here. Change the filter, or add some."));
  return { paint, labels: bar.draw, stop: () => ((place.onkeydown = null), example.stop()) };
}
