// The bundle of a model comes in: one zip, sent whole, read in the background; what became of it is said here.

const LOOK_MS = 600;

export function mount(kit, context) {
  const { el, button, ask, persist, sleep, notice } = kit;
  let data = context.data;
  const control = new AbortController();
  const { signal } = control;
  const file = el("input", { type: "file", accept: ".zip,application/zip", hidden: true });
  const said = el("div.said", { role: "status" });
  const choose = button("", "Choose a bundle", () => file.click());
  const area = el("section.drop", { "aria-label": "Drop the bundle of a model" },
    el("div.words", {}, el("h3", {}, "Drop a bundle here"),
      el("p.quiet", {}, "The zip that “Download the bundle” gave in the other Darkroom, as it is.")),
    choose);
  context.root.replaceChildren(area, file, said);

  file.onchange = () => (take([...file.files]), (file.value = ""));
  let depth = 0;
  area.ondragenter = (event) => (event.preventDefault(), depth++, area.classList.add("over"));
  area.ondragover = (event) => event.preventDefault();
  area.ondragleave = () => --depth <= 0 && ((depth = 0), area.classList.remove("over"));
  area.ondrop = (event) => {
    event.preventDefault();
    event.stopPropagation();
    depth = 0;
    area.classList.remove("over");
    take([...event.dataTransfer.files]);
  };

  async function take(files) {
    if (choose.disabled) return;
    if (files.length !== 1) return say(notice("Drop one bundle at a time: the zip as it was downloaded."));
    const warn = (event) => event.preventDefault(); // only this tab has the bytes
    addEventListener("beforeunload", warn);
    choose.disabled = true;
    try {
      say(el("p", {}, `Sending ${files[0].name} …`));
      const where = new URLSearchParams({ name: files[0].name });
      if (data.dataset_id !== null) where.set("dataset", data.dataset_id);
      const made = await ask(`/api/incoming?${where}`, { method: "POST", body: files[0], signal });
      removeEventListener("beforeunload", warn);
      await watch(made);
    } catch (error) {
      if (!signal.aborted) say(notice(error.message));
    } finally {
      removeEventListener("beforeunload", warn);
      choose.disabled = false;
    }
  }

  async function watch(made) {
    for (let now = made; ; ) {
      if (now.state === "done") {
        say(el("p", {}, now.sentence));
        return context.trigger("done", { model_id: now.model_id });
      }
      if (now.state === "refused") return say(notice(now.sentence));
      say(el("p", {}, now.sentence));
      await sleep(LOOK_MS, signal);
      now = await persist(() => ask(`/api/incoming/${made.id}`, { signal }), { signal });
    }
  }

  const say = (what) => said.replaceChildren(what);

  return { update: (next) => (data = next), stop: () => control.abort() };
}
