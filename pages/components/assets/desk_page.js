// A page of pictures: select some, label them together, or take what the model says of them.

const PAGE = 24;

export function draw(desk, place, palette, { listen, stateOf, clashOf }) {
  const { el, button, icon, percent, count, renew } = desk.kit;
  const { ids } = desk;
  const selected = new Set();
  let anchor = desk.at;
  const labels = palette(desk, (name) => label(name));
  const grid = el("div.sheet", { role: "listbox", "aria-multiselectable": "true", "aria-label": "Pictures to label", tabIndex: 0 });
  const told = el("span.quiet.picked");
  const take = button("primary.take", [el("span.name", {}, "Take the suggestions"), el("kbd", {}, "Enter")], () => confirm());
  const back = button("", [icon("left"), "Earlier"], () => turn(-1), { title: "Page up" });
  const on = button("", ["Next page", icon("right")], () => turn(1), { title: "Page down" });
  place.replaceChildren(el("div.page-body", {}, el("div.page-main", {}, grid, el("div.turn", {}, back, on)),
    el("div.side", {}, told, take, labels.node)));

  const first = () => Math.floor(Math.min(desk.at, Math.max(ids.length - 1, 0)) / PAGE) * PAGE;
  const page = () => ids.slice(first(), first() + PAGE).filter((id) => !desk.shown(id).deleted);
  const chosen = () => (selected.size ? ids.filter((id) => selected.has(id)) : ids[desk.at] === undefined ? [] : [ids[desk.at]]);

  function label(name) {
    const some = chosen();
    selected.clear();
    desk.choose(some, name, some.length === 1);
    focus();
  }

  function confirm() {
    const some = selected.size ? chosen() : page().filter((id) => desk.open(id));
    selected.clear();
    desk.confirm(some);
    focus();
  }

  function turn(by) {
    selected.clear();
    desk.go(by > 0 ? Math.min(first() + PAGE, ids.length) : Math.max(first() - PAGE, 0));
  }

  function point(id, { shiftKey, ctrlKey, metaKey, pointerType }) {
    const index = ids.indexOf(id);
    if (shiftKey) ids.slice(Math.min(anchor, index), Math.max(anchor, index) + 1).forEach((one) => selected.add(one));
    else if (ctrlKey || metaKey || pointerType === "touch") selected.has(id) ? selected.delete(id) : selected.add(id);
    else if (selected.size === 1 && selected.has(id)) selected.clear();
    else (selected.clear(), selected.add(id));
    if (!shiftKey) anchor = index;
    desk.go(index);
  }

  const columns = () => getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  function move(by, { shiftKey }) {
    const to = Math.min(Math.max(desk.at + by, 0), ids.length - 1);
    selected.clear();
    if (shiftKey) ids.slice(Math.min(anchor, to), Math.max(anchor, to) + 1).forEach((one) => selected.add(one));
    else anchor = to;
    desk.go(to);
  }

  const keys = {
    Enter: () => confirm(),
    ArrowRight: (event) => move(1, event),
    ArrowLeft: (event) => move(-1, event),
    ArrowDown: (event) => move(columns(), event),
    ArrowUp: (event) => move(-columns(), event),
    PageDown: () => turn(1),
    PageUp: () => turn(-1),
    " ": () => ids[desk.at] !== undefined && point(ids[desk.at], { ctrlKey: true }),
    Escape: () => (selected.clear(), paint()),
    Backspace: () => desk.undo(),
    "Ctrl z": () => desk.undo(),
    "Ctrl a": () => (page().forEach((id) => selected.add(id)), paint()),
    Delete: () => desk.remove(chosen()),
  };
  const stop = listen(place, labels, label, keys);
  labels.node.addEventListener("leave", focus);

  function cell(id) {
    const picture = el("img", { src: `/api/images/${id}/thumb`, alt: "", decoding: "async", draggable: false });
    const caption = el("span.caption");
    const node = el("div.cell", { role: "option", data: { id } }, el("span.frame", {}, picture, el("i.ring")), caption);
    node.onclick = (event) => point(id, event);
    node.ondblclick = () => (desk.go(ids.indexOf(id)), desk.show("large"));
    return node;
  }

  function paint() {
    const some = page();
    const known = new Map([...grid.children].map((node) => [Number(node.dataset.id), node]));
    const nodes = some.map((id) => known.get(id) ?? cell(id));
    if (!some.length) nodes.push(el("p.quiet.empty", {}, desk.exhausted ? "Nothing else waits here." : "The pictures are on their way."));
    if (nodes.length !== grid.children.length || nodes.some((node, index) => node !== grid.children[index])) grid.replaceChildren(...nodes);
    some.forEach((id, index) => paintCell(nodes[index], id));
    const picked = chosen();
    const ready = (selected.size ? picked : some.filter((id) => desk.open(id))).filter((id) => desk.shown(id).suggestion).length;
    told.textContent = selected.size > 1 ? `${count(selected.size)} pictures selected` : "Label the picture in the ring, or select several: Shift, Ctrl, or tap.";
    take.disabled = !ready;
    take.firstChild.textContent = ready === 1 ? "Take the suggestion" : `Take ${count(ready)} suggestions`;
    back.disabled = first() === 0;
    on.disabled = desk.exhausted && first() + PAGE >= ids.length;
    labels.paint(picked.length === 1 ? desk.shown(picked[0]).label : null);
  }

  function paintCell(node, id) {
    const image = desk.shown(id), pending = desk.pending(id), clash = desk.conflicts.get(id);
    node.setAttribute("aria-selected", selected.size ? selected.has(id) : id === ids[desk.at]);
    node.dataset.state = stateOf(desk, id);
    node.title = clash ? clashOf(clash) : image.name;
    node.setAttribute("aria-label", `${image.name}, ${image.label ?? "no label"}`);
    const color = desk.color(image.label ?? image.suggestion) ?? "transparent";
    renew(node.lastChild, [image.label, image.suggestion, image.confidence, color, node.dataset.state], () => caption(image, color, clash, pending));
  }

  function caption(image, color, clash, pending) {
    const dot = el("i.dot", { style: { "--c": color } });
    const name = el("span.name", {}, image.label ?? (image.suggestion ? `${image.suggestion}?` : "no label"));
    const share = !image.label && image.suggestion && el("span.share", {}, percent(image.confidence));
    const mark = clash ? icon("warn") : pending ? el("i.wait", { title: "Being saved" }) : image.label ? icon("check") : null;
    return [dot, name, share, mark].filter(Boolean);
  }

  function focus() {
    grid.focus({ preventScroll: true });
  }

  return { paint, labels: () => labels.paint(), focus, stop };
}
