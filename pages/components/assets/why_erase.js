// Erase here: a brush over the picture; what is painted over takes the look of its surroundings, and the answer follows.
//
// One request is on its way at a time, always with the newest strokes; an answer to strokes that are no more is dropped.

const SIDE = 384; // px of the longer side that is painted on and sent
const FILLS = { around: [1, 2, 4, 8], mean: [1] }; // how finely what is left of the picture is spread into the gap
const SIZES = [0.06, 0.12, 0.2]; // of the shorter side
const STEP = 0.04; // of the picture, that an arrow key moves the brush

export function eraser(kit, mine, { moved }) {
  const { el, button, icon, ask, notice } = kit;
  const { picture, plate, tools, signal } = mine;
  const canvas = el("canvas.erase", { tabIndex: 0, role: "application",
    "aria-label": "Paint over the picture. Arrow keys move the brush, Space paints, plus and minus change its size, Control Z takes a stroke back." });
  const ring = el("i.brush", { hidden: true });
  const said = el("p.quiet.delay", { role: "status" }, "Paint with the mouse, a finger, or the arrow keys and Space.");
  const strokes = []; // [{size, points: [[x, y], ...]}], 0..1 of the picture
  let size = SIZES[1], fill = "around", at = [0.5, 0.5], drawing = null, stopped = false;
  let stroke = 0; // grows with every stroke, undo and clear: what an answer is about
  let touched = 0; // ms, when the brush last moved
  let busy = false, again = false, pen = null;

  const undo = button("", [icon("undo"), "Undo"], back, { title: "Ctrl Z", disabled: true });
  const clear = button("", "Clear", () => (strokes.splice(0), next()), { disabled: true });
  const sizes = SIZES.map((one, n) => button("size", el("i", { style: { "--d": `${8 + 7 * n}px` } }), () => resize(one), { title: ["Small", "Medium", "Large"][n] + " brush" }));
  const fills = el("select", { title: "What takes the place of the erased part", onchange: () => ((fill = fills.value), next()) },
    el("option", { value: "around" }, "Fill: surroundings"), el("option", { value: "mean" }, "Fill: mean colour"));
  tools.replaceChildren(el("div.row", {}, el("div.sizes", { role: "group", "aria-label": "Brush" }, sizes), fills, undo, clear), said);
  plate.append(canvas, ring);
  resize(size);

  const ready = picture.decode().catch(() => {}).then(() => {
    if (stopped) return;
    const { naturalWidth: width, naturalHeight: height } = picture, scale = Math.min(1, SIDE / Math.max(width, height));
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    pen = canvas.getContext("2d", { willReadFrequently: true });
    next(); // the picture at this size is what the erased one is held against
  });

  // ---- painting ----------------------------------------------------------------------------------------
  const layer = () => {
    const made = new OffscreenCanvas(canvas.width, canvas.height), brush = made.getContext("2d");
    brush.imageSmoothingQuality = "high";
    return [made, brush];
  };

  function compose() {
    const { width, height } = canvas, [left, knife] = layer();
    knife.drawImage(picture, 0, 0, width, height);
    if (strokes.length) {
      knife.globalCompositeOperation = "destination-out";
      knife.lineCap = knife.lineJoin = "round";
      for (const one of strokes) {
        knife.lineWidth = one.size * Math.min(width, height);
        knife.beginPath();
        one.points.forEach(([x, y], n) => knife[n ? "lineTo" : "moveTo"](x * width, y * height));
        if (one.points.length === 1) knife.lineTo(one.points[0][0] * width + 0.01, one.points[0][1] * height); // a dab
        knife.stroke();
      }
      pen.fillStyle = "#808080";
      pen.fillRect(0, 0, width, height);
      for (const cells of FILLS[fill]) spread(left, cells);
    }
    pen.drawImage(left, 0, 0);
  }

  /** What is left, so coarsely that it reaches into the gaps, which themselves do not count. */
  function spread(left, cells) {
    const small = new OffscreenCanvas(cells, cells), dab = small.getContext("2d", { willReadFrequently: true });
    dab.imageSmoothingQuality = "high";
    dab.drawImage(left, 0, 0, cells, cells);
    const points = dab.getImageData(0, 0, cells, cells);
    for (let n = 3; n < points.data.length; n += 4) points.data[n] = Math.min(255, 4 * points.data[n]);
    dab.putImageData(points, 0, 0);
    pen.imageSmoothingQuality = "high";
    pen.drawImage(small, 0, 0, canvas.width, canvas.height);
  }

  function next() {
    stroke += 1;
    follow();
  }

  function follow() {
    if (!pen) return;
    touched = performance.now();
    undo.disabled = clear.disabled = !strokes.length;
    compose();
    send();
  }

  // ---- the answer --------------------------------------------------------------------------------------
  async function send() {
    again = true;
    if (busy) return;
    busy = true;
    while (again && !stopped) {
      again = false;
      const about = stroke, since = touched, whole = !strokes.length;
      try {
        const body = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
        const { ranked } = await ask(`/api/predict?keep=no&most=${mine.answer.ranked.length}&model=${encodeURIComponent(mine.model)}`,
          { method: "POST", body, headers: { "Content-Type": "image/jpeg" }, signal });
        if (!stopped && about === stroke) hear(ranked, whole, performance.now() - since);
      } catch (error) {
        if (!stopped && !signal.aborted) said.replaceChildren(notice(error.message, button("plain", "Try again", follow)));
      }
    }
    busy = false;
  }

  function hear(ranked, whole, delay) {
    moved(whole ? undefined : ranked);
    canvas.dataset.delay = delay.toFixed(1);
    canvas.dataset.stroke = strokes.length;
    if (!whole) said.textContent = `Answered ${Math.round(delay)} ms after the brush. The mark on each bar is the answer to the whole picture.`;
  }

  // ---- hand and keys -----------------------------------------------------------------------------------
  const place = ({ clientX, clientY }) => {
    const box = canvas.getBoundingClientRect();
    return [(clientX - box.left) / box.width, (clientY - box.top) / box.height];
  };

  function point(to) {
    at = to.map((one) => Math.min(1, Math.max(0, one)));
    const box = canvas.getBoundingClientRect(), wide = size * Math.min(box.width, box.height);
    Object.entries({ left: at[0] * box.width - wide / 2, top: at[1] * box.height - wide / 2, width: wide, height: wide })
      .forEach(([name, px]) => ring.style.setProperty(name, `${px}px`));
    ring.hidden = false;
  }

  function begin(to) {
    drawing = { size, points: [to] };
    strokes.push(drawing);
    next();
  }

  canvas.onpointerdown = (event) => {
    if (event.button) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    point(place(event));
    begin(at);
  };
  canvas.onpointermove = (event) => {
    point(place(event));
    if (!drawing) return;
    for (const one of event.getCoalescedEvents?.() ?? [event]) drawing.points.push(place(one));
    follow();
  };
  canvas.onpointerup = canvas.onpointercancel = () => (drawing = null);
  canvas.onpointerleave = () => (ring.hidden = document.activeElement !== canvas);
  canvas.onfocus = () => point(at);
  canvas.onblur = () => (ring.hidden = true);
  canvas.onkeydown = (event) => {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const command = event.ctrlKey || event.metaKey;
    if (moves[event.key]) point(at.map((one, n) => one + STEP * moves[event.key][n]));
    else if (event.key === " ") (begin([...at]), (drawing = null));
    else if (event.key === "+" || event.key === "-") resize(SIZES[Math.min(2, Math.max(0, SIZES.indexOf(size) + (event.key === "+" ? 1 : -1)))]);
    else if (event.key === "Backspace" || (command && event.key.toLowerCase() === "z")) back();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  function back() {
    if (!strokes.pop()) return;
    drawing = null;
    next();
  }

  function resize(to) {
    size = to;
    sizes.forEach((one, n) => one.setAttribute("aria-pressed", SIZES[n] === to));
    if (!ring.hidden) point(at);
  }

  return {
    ready,
    stop() {
      stopped = true;
      canvas.remove();
      ring.remove();
    },
  };
}
