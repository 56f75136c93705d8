// The map: every picture a point, alike ones together. A lasso selects, the wheel zooms, the bar acts as in the gallery.

const SPLITS = ["Darkroom decides", "Training", "Validation", "Testing"]; // in order of core.records.Split
const SHADES = ["#8A837B", "#64A6E9", "#C1AC15", "#B82D67"];
const DOUBT = ["#6E665C", "#F2553D"];
const REACH = 10; // px from a point within which it is meant
const LEGEND = 14;

export async function mount(kit, context) {
  const [{ queueOf }, { selectionBar }, draw, style] = await Promise.all([
    ...["queue.js", "gallery_bar.js", "map_points.js"].map((name) => import(context.at(name))),
    fetch(context.at("gallery.css")).then((answer) => answer.text()).then((css) => new CSSStyleSheet().replace(css))]);
  const { el, button, icon, persist, notice, count, plural } = kit;
  context.root.getRootNode().adoptedStyleSheets.push(style); // the bar looks as in the gallery
  let data = context.data;
  const control = new AbortController();
  const queue = queueOf(kit, data.dataset_id);
  const view = new draw.View();
  let points = null, selected = new Uint8Array(0), chosen = 0, by = "label", lasso = true, over = -1, frame = 0, timer = 0;

  const tools = el("div.tools"), messages = el("div.messages");
  const canvas = el("canvas"), line = el("canvas.line"), tip = el("div.tip", { hidden: true });
  const legend = el("div.legend");
  const stage = el("div.field-of-points", { tabIndex: 0, role: "application", "aria-label": "The map of the pictures" }, canvas, line, tip, corner());
  context.root.replaceChildren(messages, tools, stage, legend);

  const state = el("div.saving.quiet", { role: "status" });
  const undo = button("", [icon("undo"), "Undo"], () => queue.undo(), { title: "Ctrl Z" });
  const act = (kind, target, patch) => queue.push(kind, [], { where: target.where, to: patch });
  const model = {
    kit, state, undo,
    get data() { return data; },
    get labels() { return data.labels; },
    label: (target, name) => act("relabel", target, { label: name }),
    remove: (target) => act("delete", target, { deleted: true }),
    split: (target, split) => act("split", target, { split }),
  };
  const ids = () => Array.from(points.ids.filter((_, at) => selected[at]));
  const bar = selectionBar(model, tools, {
    target: () => ({ where: { ids: ids() }, count: chosen }),
    size: () => chosen,
    clear: () => choose(() => 0),
    idle: () => [colouring(), el("span.quiet.hint", {}, "Draw a line round some points to select them. The wheel zooms.")],
    beside: () => [button("", "Show in the gallery", () => context.trigger("show", { ids: ids() }))],
    after: (what) => what === "remove" && setTimeout(() => choose(() => 0)),
  });

  function colouring() {
    const names = { label: "By label", found: "By finding", split: "By use", doubt: "By doubt" };
    const menu = el("select", { title: "What the colours say" }, Object.entries(names).map(([value, text]) => el("option", { value, selected: value === by }, text)));
    menu.onchange = () => ((by = menu.value), paint(), explain());
    return menu;
  }

  function corner() {
    const zoom = (factor) => (view.zoomAt(view.width / 2, view.height / 2, factor), paint());
    const hand = button("plain", "Lasso", () => ((lasso = !lasso), (hand.textContent = lasso ? "Lasso" : "Move"), (stage.dataset.lasso = lasso)), { title: "What a drag does: draw a line, or move the map" });
    return el("div.corner", {}, hand, button("plain", "+", () => zoom(1.6), { title: "Zoom in" }), button("plain", "\u2212", () => zoom(1 / 1.6), { title: "Zoom out" }),
      button("plain", "All", () => (view.fit(), paint()), { title: "Show the whole map" }));
  }
  stage.dataset.lasso = true;

  // ---- the points --------------------------------------------------------------------------------------
  async function load() {
    try {
      const buffer = await persist(async () => {
        const answer = await fetch(`/api/datasets/${data.dataset_id}/map`, { credentials: "same-origin", signal: control.signal });
        if (!answer.ok) throw new kit.Refusal((await answer.json()).error);
        return answer.arrayBuffer();
      }, { signal: control.signal, tries: 6 });
      const kept = new Set(points ? ids() : []);
      points = draw.unpack(buffer);
      selected = Uint8Array.from(points.ids, (id) => (kept.has(id) ? 1 : 0));
      chosen = selected.reduce((sum, one) => sum + one, 0);
      messages.replaceChildren();
      paint();
      explain();
      bar.draw();
    } catch (error) {
      if (!control.signal.aborted) messages.replaceChildren(notice(error.message, button("", "Try again", load)));
    }
  }

  /** What the colours say: the column, what its numbers mean, and the colours of those. */
  function coloured() {
    const at = (place) => data.palette[place % data.palette.length];
    if (by === "split") return [points.split, SPLITS, SHADES];
    if (by === "doubt") return [points.doubt, ["The model agrees", "In doubt"], DOUBT];
    if (by === "found") return [points.found, ["Nothing found", ...points.kinds], [DOUBT[0], ...points.kinds.map((_, place) => at(place))]];
    return [points.label, ["no label", ...points.labels.map(({ name }) => name)], [data.unlabelled, ...points.labels.map(({ position }) => at(position))]];
  }

  function paint() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      if (!points || !stage.isConnected) return;
      const began = performance.now();
      [view.width, view.height] = [stage.clientWidth, stage.clientHeight];
      const [column, , palette] = coloured();
      draw.paintPoints(canvas, view, points, palette, (i) => column[i], selected, chosen > 0);
      stage.dataset.points = points.n;
      stage.dataset.milliseconds = (performance.now() - began).toFixed(1);
    });
  }

  function explain() {
    if (!points) return; // they are on their way, and it is said then
    const [column, names, palette] = coloured(), counts = new Uint32Array(names.length);
    for (const value of column) counts[value] += 1;
    const entries = names.map((name, at) => [name, palette[at], counts[at], at]).filter(([, , n]) => n);
    entries.sort((a, b) => b[2] - a[2]);
    legend.replaceChildren(
      ...entries.slice(0, LEGEND).map(([name, color, n, place]) => button("plain.entry",
        [el("i.dot", { style: { "--c": color } }), el("span.name", {}, name), el("span.quiet", {}, count(n))], () => choose((i) => column[i] === place), { title: `Select these: ${name}` })),
      ...(entries.length > LEGEND ? [el("span.quiet", {}, `and ${count(entries.length - LEGEND)} more`)] : []));
  }

  function choose(is) {
    if (!points) return;
    chosen = 0;
    for (let i = 0; i < points.n; i++) chosen += selected[i] = is(i) ? 1 : 0;
    paint();
    bar.draw();
  }

  // ---- the hand ----------------------------------------------------------------------------------------
  const where = (event) => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  stage.onpointerdown = (down) => {
    if (!points || down.target.closest(".corner")) return;
    down.preventDefault();
    stage.focus({ preventScroll: true });
    hint(-1);
    const begin = where(down), path = [begin], moving = !lasso || down.button === 2 || down.button === 1;
    let last = begin;
    const move = (event) => {
      const now = where(event);
      if (moving) {
        view.left += now[0] - last[0];
        view.top += now[1] - last[1];
        paint();
      } else {
        path.push(now);
        outline(path);
      }
      last = now;
    };
    const up = () => {
      removeEventListener("pointermove", move);
      outline([]);
      if (moving) return;
      const more = down.shiftKey || down.ctrlKey || down.metaKey;
      const far = Math.max(...path.map(([x, y]) => Math.hypot(x - begin[0], y - begin[1])));
      const inside = new Uint8Array(points.n);
      if (far < 5) {
        const one = draw.nearest(points, view, ...begin, REACH);
        if (one >= 0) inside[one] = 1;
      } else draw.within(points, view, path, (i) => (inside[i] = 1));
      const before = selected.slice();
      choose((i) => inside[i] || (more && before[i]));
    };
    addEventListener("pointermove", move, { signal: control.signal });
    addEventListener("pointerup", up, { once: true, signal: control.signal });
  };
  stage.oncontextmenu = (event) => event.preventDefault();
  stage.onpointermove = (event) => points && !event.buttons && hint(draw.nearest(points, view, ...where(event), REACH));
  stage.onpointerleave = () => hint(-1);
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    view.zoomAt(...where(event), Math.exp(-event.deltaY / 400));
    hint(-1);
    paint();
  }, { passive: false });
  stage.onkeydown = context.root.onkeydown = (event) => {
    if (event.target.matches("input, select")) return;
    const command = event.ctrlKey || event.metaKey;
    const act = command ? event.key === "z" && (() => queue.undo()) : /^[1-9]$/.test(event.key) ? () => bar.labelWith(Number(event.key) - 1)
      : { Escape: () => choose(() => 0), Delete: () => bar.remove(), Backspace: () => bar.remove() }[event.key];
    if (!act || event.repeat) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };

  function outline(path) {
    const ratio = devicePixelRatio || 1;
    Object.assign(line, { width: stage.clientWidth * ratio, height: stage.clientHeight * ratio });
    if (path.length < 2) return;
    const pen = line.getContext("2d"), accent = getComputedStyle(context.root).getPropertyValue("--accent").trim() || "#F2553D";
    pen.scale(ratio, ratio);
    pen.beginPath();
    path.forEach(([x, y]) => pen.lineTo(x, y));
    pen.closePath();
    Object.assign(pen, { strokeStyle: accent, lineWidth: 2, lineJoin: "round", fillStyle: accent });
    pen.stroke();
    pen.globalAlpha = 0.1;
    pen.fill();
  }

  /** The picture under the pointer. */
  function hint(at) {
    stage.dataset.over = at >= 0;
    if (at === over) return;
    over = at;
    tip.hidden = at < 0;
    if (at < 0) return;
    const name = points.label[at] ? points.labels[points.label[at] - 1].name : "no label";
    const [column, , palette] = coloured();
    const x = view.x(points.x[at]), y = view.y(points.y[at]);
    tip.replaceChildren(el("img", { src: `/api/images/${points.ids[at]}/thumb`, alt: "" }),
      el("span.mini", {}, el("i.dot", { style: { "--c": palette[column[at]] } }), el("span.name", {}, name)));
    tip.style.setProperty("left", `${x + 190 > view.width ? x - 174 : x + 14}px`);
    tip.style.setProperty("top", `${Math.min(Math.max(8, y - 80), view.height - 200)}px`);
  }

  // ---- what was changed --------------------------------------------------------------------------------
  function heard({ outcome, refusal }) {
    if (refusal) messages.replaceChildren(notice(refusal, button("plain", "Close", () => messages.replaceChildren())));
    if (outcome) {
      clearTimeout(timer);
      timer = setTimeout(() => (load(), context.trigger("changed", {})), 50);
    }
    saving();
  }

  function saving() {
    const left = queue.entries.length;
    undo.disabled = !queue.canUndo;
    state.dataset.state = queue.waiting ? "waiting" : left ? "saving" : "saved";
    state.textContent = queue.waiting ? `The server does not answer. ${plural(left, "change")} kept here and sent again.` : left ? `Saving ${plural(left, "change")}` : "All changes saved";
  }

  queue.listeners.add(heard);
  const resized = new ResizeObserver(paint);
  resized.observe(stage);
  saving();
  bar.draw();
  load();
  return {
    update(next) {
      const again = next.revision !== data.revision;
      data = next;
      if (again) load();
    },
    stop() {
      queue.listeners.delete(heard);
      control.abort();
      resized.disconnect();
      clearTimeout(timer);
    },
  };
}
