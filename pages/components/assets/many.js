// Many pictures at once: they are sent, answered in the background, and looked through in a table.

const WORKERS = 3;
const LOOK_MS = 700;

export async function mount(kit, context) {
  const { el, button, icon, ask, persist, sleep, notice, plural, duration, count } = kit;
  const [{ dropped, chosen, sorted, batches, packed }, { answerTable }, { whyDialog }] = await Promise.all(
    ["sending.js", "many_table.js", "why.js"].map((name) => import(context.at(name))));
  let data = context.data;
  const control = new AbortController();
  const { signal } = control;
  let batch = null; // the one on screen; null: every answer there is
  let watching = 0;

  const files = el("input", { type: "file", accept: "image/*", multiple: true, hidden: true });
  const folder = el("input", { type: "file", multiple: true, hidden: true });
  folder.webkitdirectory = true;
  const pick = el("select", { "aria-label": "Which answers", onchange: () => open(Number(pick.value) || null) });
  const progress = el("div.progress", { hidden: true });
  const table = answerTable(kit, () => data, () => batch, (one) => dialog.open({
    kind: "predictions", id: one.id, name: one.name, model: one.model_id, dataset: data.dataset_id, labels: data.labels, said: one.label,
  }));
  const area = el("section.drop", { "aria-label": "Drop many pictures" },
    el("div.words", {}, el("h3", {}, "Many at once"), el("p.quiet", {}, "Drop a folder, or up to 20,000 pictures. You may close this page once they are sent.")),
    el("div.row", {}, button("", "Choose pictures", () => files.click()), button("", "Choose a folder", () => folder.click())));
  const dialog = await whyDialog(kit, context);
  context.root.replaceChildren(area, files, folder, el("div.row.which", {}, pick), progress, table.node, dialog.node);

  // ---- pictures come in --------------------------------------------------------------------------------
  for (const input of [files, folder]) input.onchange = () => (take(chosen(input)), (input.value = ""));
  let depth = 0;
  area.ondragenter = (event) => (event.preventDefault(), depth++, area.classList.add("over"));
  area.ondragover = (event) => event.preventDefault();
  area.ondragleave = () => --depth <= 0 && ((depth = 0), area.classList.remove("over"));
  area.ondrop = async (event) => {
    event.preventDefault();
    event.stopPropagation();
    depth = 0;
    area.classList.remove("over");
    take(await dropped(event.dataTransfer));
  };
  addEventListener("darkroom-many", (event) => (event.preventDefault(), take(event.detail)), { signal });

  async function take(found) {
    const { pictures, name } = sorted(found);
    if (!pictures.length) return say(notice("There is no picture in what you dropped. Drop pictures, or a folder of them."));
    const items = pictures.map((item, place) => ({ ...item, place }));
    try {
      const begin = () => ask("/api/batches", { method: "POST", json: { model_id: data.model_id, name, expected: items.length }, signal });
      const made = await persist(begin, { signal });
      data.batches = [made, ...data.batches];
      open(made.id);
      await send(made, items);
    } catch (error) {
      if (!signal.aborted) say(notice(error.message));
    }
  }

  /** Only this tab has the bytes: what arrived twice is kept once, so whatever failed is simply sent again. */
  async function send(made, items) {
    const warn = (event) => event.preventDefault();
    addEventListener("beforeunload", warn);
    const queue = batches(items);
    const work = async () => {
      for (let some; (some = queue.shift()) && !signal.aborted && !made.stopped; ) {
        await persist(() => ask(`/api/batches/${made.id}/pictures`, { method: "POST", body: packed(some), signal }), { signal });
      }
    };
    try {
      await Promise.all(Array.from({ length: WORKERS }, work));
    } finally {
      removeEventListener("beforeunload", warn);
    }
  }

  // ---- how far it is -----------------------------------------------------------------------------------
  function open(id) {
    batch = id;
    drawPick();
    table.show();
    watch(++watching);
  }

  async function watch(mine) {
    progress.hidden = batch === null;
    const begun = { at: performance.now(), answered: null };
    for (let seen = -1; batch !== null && mine === watching && !signal.aborted; ) {
      const now = await persist(() => ask(`/api/batches/${batch}`, { signal }), { signal }).catch((error) => (signal.aborted || say(notice(error.message)), null));
      if (!now || mine !== watching) return;
      const answered = now.answered + now.refused;
      begun.answered ??= answered;
      drawProgress(now, begun);
      if (now.answered !== seen) table.refresh(seen >= 0);
      seen = now.answered;
      if (now.over) return;
      await sleep(LOOK_MS, signal).catch(() => {});
    }
  }

  function drawProgress(now, begun) {
    const done = now.answered + now.refused;
    const pace = (done - begun.answered) / Math.max(1, performance.now() - begun.at);
    const left = pace > 0 ? `, ${duration((now.expected - done) / pace / 1000)} left` : "";
    const words = now.cancelled ? `Stopped: ${plural(now.answered, "picture")} answered.`
      : now.over ? `${plural(now.answered, "picture")} answered.`
      : now.received < now.expected && !now.waiting && done === now.received ? `${count(now.received)} of ${plural(now.expected, "picture")} sent.`
      : `${count(done)} of ${plural(now.expected, "picture")} answered${left}.`;
    const problems = now.refused > 0 && el("details", {}, el("summary", {}, `${plural(now.refused, "file")} left out`),
      el("ul", {}, now.problems.map(({ name, reason }) => el("li", {}, el("b", {}, name), ` ${reason}`))));
    progress.replaceChildren(...[
      !now.over && el("div.bar", { role: "progressbar", "aria-valuenow": done, "aria-valuemax": now.expected }, el("i", { style: { width: `${(100 * done) / now.expected}%` } })),
      el("div.row", {}, el("p", { role: "status" }, words), !now.over && button("plain", "Stop", () => stop(now.id))),
      problems,
    ].filter(Boolean));
  }

  async function stop(id) {
    data.batches.filter((one) => one.id === id).forEach((one) => (one.stopped = true));
    await ask(`/api/batches/${id}`, { method: "DELETE", signal }).catch((error) => say(notice(error.message)));
  }

  function say(what) {
    progress.hidden = false;
    progress.replaceChildren(what);
  }

  function drawPick() {
    const when = (one) => new Date(1000 * one.created_at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    pick.replaceChildren(el("option", { value: 0 }, "Every answer"),
      ...data.batches.map((one) => el("option", { value: one.id }, `${one.name || "Pictures"}, ${plural(one.expected, "picture")}, ${when(one)}`)));
    pick.value = batch ?? 0;
    pick.parentElement.hidden = !data.batches.length;
  }

  open(data.batches.find((one) => !one.over)?.id ?? null);
  return {
    update(next) {
      const here = new Set(next.batches.map(({ id }) => id));
      data = { ...next, batches: [...data.batches.filter(({ id }) => !here.has(id) && id > (next.batches[0]?.id ?? 0)), ...next.batches] };
      drawPick();
      table.labels();
    },
    stop() {
      control.abort();
      dialog.stop();
    },
  };
}
