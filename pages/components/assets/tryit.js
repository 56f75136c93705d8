// Try it: pictures in, answers out, why they are so, and what to do when one is wrong.

const KEPT = 24; // answers on screen at most
const MANY = 12; // pictures at once that are looked through as a table
const SIDE = 1600; // px; a camera's picture is sent no larger

export async function mount(kit, context) {
  const { el, button, icon, ask, persist, sleep, notice, plural, Refusal } = kit;
  const [{ dropped, chosen }, { answerCard }, { openCamera }, { whyDialog }] = await Promise.all(
    ["sending.js", "tryit_answer.js", "tryit_camera.js", "why.js"].map((name) => import(context.at(name))));
  let data = context.data;
  const control = new AbortController();
  const { signal } = control;
  const cards = [];
  const queue = [];
  let working = false;

  const input = el("input", { type: "file", accept: "image/*", multiple: true, hidden: true });
  const place = el("div.camera", { hidden: true });
  const samples = el("div.samples");
  const area = el("section.drop", { tabIndex: 0, "aria-label": "Drop or paste pictures" },
    el("div.lens", {}, icon("tray")),
    el("div.words", {}, el("h3", {}, "Drop a picture"), el("p.quiet", {}, "Or paste one, or several. The answer comes in a moment.")),
    el("div.row", {}, button("primary", "Browse", () => input.click()),
      button("", [icon("camera"), "Photograph"], () => photograph())));
  const answers = el("div.answers");
  const more = el("p.quiet.more", { hidden: true });
  const dialog = await whyDialog(kit, context);
  context.root.replaceChildren(area, place, samples, more, answers, input, dialog.node);
  const why = ({ name, answer }, way) => dialog.open({
    kind: "predictions", id: answer.id, name, way, model: answer.model?.id ?? data.model_id, dataset: data.dataset_id, labels: data.labels,
  });

  // ---- pictures come in --------------------------------------------------------------------------------
  input.onchange = () => {
    take(chosen(input));
    input.value = "";
  };
  let depth = 0;
  area.ondragenter = (event) => (event.preventDefault(), depth++, area.classList.add("over"));
  area.ondragleave = () => --depth <= 0 && ((depth = 0), area.classList.remove("over"));
  area.ondrop = async (event) => {
    event.preventDefault();
    event.stopPropagation();
    depth = 0;
    area.classList.remove("over");
    take(await dropped(event.dataTransfer));
  };
  const hold = (event) => event.preventDefault(); // a drop beside the area must not leave the page
  const paste = (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter(({ type }) => type.startsWith("image/"));
    if (files.length) take(files.map((file) => ({ file, path: file.name || "pasted picture" })));
  };
  addEventListener("dragover", hold, { signal });
  addEventListener("drop", hold, { signal });
  document.addEventListener("paste", paste, { signal });

  const photograph = () => openCamera(kit, place, SIDE, (file) => take([{ file, path: file.name }]), {
    look: (frame) => ask(`/api/predict?keep=no&model=${encodeURIComponent(data.model_id)}`,
      { method: "POST", body: frame, headers: { "Content-Type": "image/jpeg" }, signal }),
    colour: (label) => data.labels.find(({ name }) => name === label)?.color,
  });

  function drawSamples() {
    if (samples.dataset.shown === JSON.stringify(data.samples)) return;
    samples.dataset.shown = JSON.stringify(data.samples);
    samples.hidden = !data.samples.length;
    samples.replaceChildren(el("p.quiet", {}, "Or try one of these"), el("div.strip", {}, data.samples.map(({ src, name }) =>
      button("sample", el("img", { src, alt: name, loading: "lazy", draggable: false }), async () => {
        const file = await fetch(src).then((answer) => answer.blob()).catch(() => null);
        take([{ file: file ?? new Blob([]), path: name }]);
      }, { title: name }))));
  }

  function take(found) {
    if (!found.length) return;
    // The table of many answers is another component of this page; where there is none, they come one by one.
    if (found.length > MANY && !dispatchEvent(new CustomEvent("darkroom-many", { detail: found, cancelable: true }))) return;
    for (const { file, path } of found) queue.push({ file, name: path.split("/").pop() });
    work();
  }

  // ---- one after another -------------------------------------------------------------------------------
  async function work() {
    if (working) return;
    working = true;
    for (let item; (item = queue.shift()) && !signal.aborted; ) {
      more.hidden = !queue.length;
      more.textContent = `${plural(queue.length, "more picture")} waiting`;
      const card = answerCard(kit, item, { correct, close: forget, why });
      cards.unshift(card);
      answers.prepend(card.node);
      cards.splice(KEPT).forEach((old) => old.dispose());
      await predict(card, data.model_id).then(
        (answer) => {
          card.show(answer, data.labels);
          context.trigger("predicted", { id: answer.id, label: answer.ranked[0].label });
        },
        (error) => signal.aborted || card.fail(error.message, () => (forget(card), take([{ file: item.file, path: item.name }]))));
    }
    working = false;
  }

  const predict = (card, model) => persist(
    () => ask(`/api/predict?model=${encodeURIComponent(model)}&name=${encodeURIComponent(card.name)}`,
      { method: "POST", body: card.file, headers: { "Content-Type": "application/octet-stream" }, signal }),
    { signal, tries: 5 });

  function forget(card) {
    const at = cards.indexOf(card);
    if (at >= 0) cards.splice(at, 1);
    card.dispose();
  }

  // ---- "That's wrong" ----------------------------------------------------------------------------------
  async function correct(card, label) {
    const before = card.answer;
    card.learning("Saving the correction");
    try {
      const seen = await ask(`/api/datasets/${data.dataset_id}/instant`, { signal }).catch(() => null);
      const done = await persist(() => ask(`/api/predictions/${before.id}/correct`, { method: "POST", json: { label }, signal }), { signal, tries: 8 });
      card.learning("Added to the dataset. The instant model is learning it.");
      context.trigger("corrected", { prediction_id: before.id, label, ...done });
      const model = await learned(done.dataset_id ?? data.dataset_id, seen, card);
      if (model === null) return card.settled(before, before, label, data.labels, "It is in the dataset now; a model learns it next time.");
      const after = await predict(card, model);
      card.settled(before, after, label, data.labels);
    } catch (error) {
      if (signal.aborted) return;
      const lost = error instanceof Refusal ? error.message : "The server does not answer. The correction is not saved yet.";
      card.trouble(lost, () => correct(card, label));
    }
  }

  /** Waits until the instant model has seen the correction. Gives its id, or null where there is none to come. */
  async function learned(dataset, seen, card) {
    const begun = performance.now();
    for (;;) {
      const now = await persist(() => ask(`/api/datasets/${dataset}/instant`, { signal }), { signal });
      const grown = !seen || now.labels_revision > seen.labels_revision || now.state === "fitting";
      if (now.state === "ready" && now.revision >= now.labels_revision && (grown || performance.now() - begun > 3000)) return now.model_id;
      const passed = (performance.now() - begun) / 1000;
      if (passed > 60 || (now.state === "none" && passed > 10)) return null;
      if (passed > 6) card.learning(`Still learning, for ${Math.round(passed)} seconds. The correction is saved.`);
      await sleep(300, signal);
    }
  }

  drawSamples();
  return {
    update(next) {
      data = next;
      drawSamples();
    },
    stop() {
      control.abort();
      cards.forEach((card) => card.dispose());
      place.stop?.();
      dialog.stop();
    },
  };
}
