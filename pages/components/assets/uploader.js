// The uploader: drop, send, look at what was understood, add. Every state is one drawing of the same card.

const NOTHING = { pictures: [], archives: [], bytes: 0, skipped: 0 };

export async function mount(kit, context) {
  const { el, button, icon, notice, ask, persist, sleep, count, plural } = kit;
  const [sending, labelling] = await Promise.all([import(context.at("sending.js")), import(context.at("label_plan.js"))]);
  let data = context.data;
  let control = new AbortController(); // aborts what is under way, save the sending itself
  const memory = `darkroom-upload-${data.memory}`;

  const folder = el("input", { type: "file", webkitdirectory: true, multiple: true, hidden: true });
  const files = el("input", { type: "file", multiple: true, accept: "image/*,.zip", hidden: true });
  const card = el("section.card");
  context.root.replaceChildren(card, folder, files);
  for (const input of [folder, files]) {
    input.onchange = () => {
      const found = sending.chosen(input);
      input.value = ""; // the same folder may be chosen again
      take(found);
    };
  }

  const show = (state, ...children) => {
    card.dataset.state = state;
    card.replaceChildren(...children.flat().filter(Boolean));
  };

  // ---- idle --------------------------------------------------------------------------------------------
  function idle() {
    interrupted = null;
    sending.forget(memory);
    show(
      "idle",
      el("div.lens", {}, icon("tray")),
      el("h3", {}, data.dataset_id ? "Drop more pictures" : "Drop a folder of pictures"),
      el("p.quiet", {}, "Each folder name becomes a label. A zip or loose pictures work too."),
      el("div.row", {},
        button("primary", "Browse folder", () => folder.click()),
        button("", "Browse files or a zip", () => files.click())),
    );
  }

  // ---- taken: a new dataset may need a name first --------------------------------------------------------
  function take(found) {
    const what = sending.sorted(found);
    if (!what.archives.length && !what.pictures.length) {
      return failed("There are no files in it. Choose a folder with pictures, or a zip of one.");
    }
    if (interrupted) return goOn(what);
    if (data.dataset_id || data.name) return begin(what, data.name);
    const name = el("input", { type: "text", id: "name", value: what.name, maxLength: 100, placeholder: "for example Garden birds" });
    const go = button("primary", "Upload", () => begin(what, name.value.trim()), { disabled: !what.name });
    name.oninput = () => (go.disabled = !name.value.trim());
    name.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Enter" && !go.disabled) go.click();
    };
    show("naming",
      el("h3", {}, "What shall this dataset be called?"),
      el("p.quiet", {}, `${told(what)}, ${kit.megabytes(what.bytes)}.`),
      el("label.field", { for: "name" }, "Name", name),
      el("div.row", {}, go, button("plain", "Cancel", idle)));
    name.focus();
  }

  const told = ({ archives, pictures }) =>
    [pictures.length && plural(pictures.length, "file"), archives.length && plural(archives.length, "zip")].filter(Boolean).join(" and ");

  // ---- working -----------------------------------------------------------------------------------------
  const begin = (what, name) => follow(new sending.Sending(kit, memory, what), async (signal) =>
    (await ask("/api/uploads", { method: "POST", json: { dataset_id: data.dataset_id, name }, signal })).id);

  /** Draws a sending until it is over, then waits for the check. */
  async function follow(job, open) {
    job.done ??= job.run(open);
    control = new AbortController();
    const { signal } = control;
    const view = working(job);
    try {
      const upload = await job.done;
      if (!signal.aborted) await check(upload, view, job);
    } catch (error) {
      if (signal.aborted || job.control.signal.aborted && error === job.control.signal.reason) return;
      if (error instanceof sending.OtherFiles) return pause(interrupted, "None of these files is among those that arrived. Drop the same folder again, or start over.");
      failed(error.message, job.upload);
    }
  }

  function working(job) {
    const { what } = job;
    const total = what.pictures.length + what.archives.length;
    const title = el("h3", {}, `Sending ${told(what)}`);
    const fill = el("i"), line = el("p.quiet.line"), lost = el("div", { hidden: true });
    const bar = el("div.bar", { role: "progressbar", "aria-label": "Upload", "aria-valuemin": 0, "aria-valuemax": 100 }, fill);
    const stop = button("plain", "Cancel", () => cancel(job.upload));
    lost.append(notice("The connection is lost. Nothing is lost: sending goes on by itself as soon as the server answers."));
    show("working", el("div.row.head", {}, title, stop), bar, line, lost);
    const set = (share) => {
      fill.style.width = `${100 * share}%`;
      bar.setAttribute("aria-valuenow", Math.round(100 * share));
    };
    const waiting = (is) => (lost.hidden = !is);
    let first = null; // what had arrived before this view looked: no part of the speed
    job.watch = () => {
      first ??= { bytes: job.bytes, at: performance.now() };
      const seconds = (performance.now() - first.at) / 1000, fresh = job.bytes - first.bytes;
      set(what.bytes ? job.bytes / what.bytes : 0);
      waiting(job.waiting);
      const left = seconds > 1 && fresh > 0 ? `, ${kit.duration((seconds / fresh) * (what.bytes - job.bytes))} left` : "";
      line.textContent = `${count(job.files)} of ${count(total)}, ${kit.megabytes(job.bytes)} of ${kit.megabytes(what.bytes)}` +
        (seconds > 1 ? ` at ${kit.megabytes(fresh / seconds)}/s` : "") + left;
    };
    job.watch();
    return { title, line, set, waiting };
  }

  // ---- interrupted: a reload, a closed tab ---------------------------------------------------------------
  let interrupted = null; // {id, received} of an upload of which only a part has arrived

  async function pause(found, sentence) {
    interrupted = found;
    const handles = await sending.handlesOf(memory);
    if (!sentence && (await sending.permitted(handles, false).catch(() => false))) return goOn(sending.sorted(await sending.reread(handles)));
    const again = async () => {
      if (await sending.permitted(handles, true).catch(() => false)) goOn(sending.sorted(await sending.reread(handles)));
      else folder.click();
    };
    show("interrupted",
      el("div.lens", {}, icon("tray")),
      el("h3", {}, "Your upload was interrupted"),
      el("p.quiet", {}, `${plural(found.received, "file")} arrived and ${found.received === 1 ? "is" : "are"} kept. Drop the same folder again: only the rest is sent.`),
      sentence && notice(sentence),
      el("div.row", {},
        button("primary", handles.length ? "Go on" : "Choose the folder again", again),
        found.received > 0 && button("", "Use what has arrived", () => settle(found.id)),
        button("plain", "Start over", () => cancel(found.id))));
  }

  function goOn(what) {
    const job = new sending.Sending(kit, memory, what, interrupted.id);
    job.expected = interrupted.received > 0;
    return follow(job);
  }

  async function settle(upload) {
    control = new AbortController();
    try {
      await ask(`/api/uploads/${upload}/finish`, { method: "POST" });
      await check(upload, working({ what: NOTHING, files: 0, bytes: 0, upload }));
    } catch (error) {
      failed(error.message, upload);
    }
  }

  // ---- the server looks at every picture ---------------------------------------------------------------
  async function check(upload, view, job) {
    const { signal } = control;
    view.title.textContent = "Looking at every picture";
    for (;;) {
      const found = await persist(() => ask(`/api/uploads/${upload}`, { signal }), { signal, waiting: view.waiting });
      if (found.state === "ready") return result(upload, found, job?.vanished ?? [], job?.what?.skipped ?? 0);
      if (found.state === "adding") return adding(upload, found.accepted, view);
      if (found.state === "added" || found.state === "cancelled") return idle();
      view.set(found.received ? found.checked / found.received : 0);
      const left = found.seconds_left ? `, ${kit.duration(found.seconds_left)} left` : "";
      view.line.textContent = `${count(found.checked)} of ${count(found.received)} looked at${left}`;
      await sleep(400, signal);
    }
  }

  // ---- what was understood -----------------------------------------------------------------------------
  function result(upload, found, vanished, skipped) {
    const plan = labelling.plan(kit, found, data);
    const add = button("primary", "", () => confirm(upload, add, plan));
    const draw = () => {
      add.textContent = `Add ${plural(plan.kept(), "picture")}`;
      add.disabled = !plan.kept();
    };
    plan.changed = draw;
    draw();
    const again = async (reading) => {
      await persist(() => ask(`/api/uploads/${upload}/read`, { method: "POST", json: { reading } }), { tries: 6 });
      await check(upload, working({ what: NOTHING, files: 0, bytes: 0, upload }));
    };
    show("result",
      el("div.row.head", {}, el("h3", {}, found.sentence), button("plain", "Start over", () => cancel(upload))),
      labelling.readings(kit, found, (reading) => again(reading).catch((error) => failed(error.message, upload))),
      plan.chips,
      parts(found),
      (found.explained ?? []).length > 0 && el("ul.explained", {}, found.explained.map((sentence) => el("li", {}, sentence))),
      plan.questions,
      found.advice && !plan.questions.length && notice(found.advice),
      plan.editor,
      leftOut(found, vanished, skipped),
      found.can_add ? el("div.row", {}, add) : el("div.row", {}, button("primary", "Choose other pictures", () => cancel(upload))));
  }

  function parts({ splits, duplicates }) {
    const names = { train: "for training", validation: "for validation", test: "for testing" };
    const said = Object.entries(splits ?? {}).filter(([name, n]) => names[name] && n).map(([name, n]) => `${count(n)} ${names[name]}`);
    if (duplicates) said.push(`${plural(duplicates, "picture")} already there, kept once`);
    return said.length ? el("p.quiet", {}, `${said.join(", ")}.`) : null;
  }

  function leftOut({ problems = [], refused = 0, ignored = 0 }, vanished, skipped) {
    const rows = [...problems, ...vanished.map(({ path }) => ({ path, reason: "It was moved or deleted while it was being sent." }))];
    const more = refused + vanished.length - rows.length;
    const side = ignored + skipped;
    if (!rows.length && !side) return null;
    const total = refused + vanished.length;
    const title = total ? `${plural(total, "file")} left out` : `${plural(side, "side file")} skipped`;
    return el("details", {}, el("summary", {}, title),
      el("ul", {}, rows.map(({ path, reason }) => el("li", {}, el("b", {}, path), el("span.quiet", {}, reason))),
        more > 0 && el("li.quiet", {}, `and ${count(more)} more`),
        side > 0 && el("li.quiet", {}, `${plural(side, "hidden or system file")} skipped`)));
  }

  async function confirm(upload, add, plan) {
    add.disabled = true;
    try {
      const labels = plan.renamed();
      await persist(() => ask(`/api/uploads/${upload}/add`, { method: "POST", json: { labels } }), { tries: 6 });
      await adding(upload, plan.kept(), working({ what: NOTHING, files: 0, bytes: 0, upload }));
    } catch (error) {
      failed(error.message, upload);
    }
  }

  async function adding(upload, total, view) {
    const { signal } = control;
    view.title.textContent = "Adding";
    for (;;) {
      const found = await persist(() => ask(`/api/uploads/${upload}`, { signal }), { signal, waiting: view.waiting });
      if (found.state === "added") return added({ dataset_id: found.dataset_id, added: found.added });
      if (found.state !== "adding") return failed("This upload was taken back meanwhile. Nothing more was added.", upload);
      view.set(total ? found.added / total : 0);
      view.line.textContent = `${count(found.added)} of ${count(total)} added`;
      await sleep(250, signal);
    }
  }

  function added(done) {
    sending.forget(memory);
    show("done", el("div.lens.good", {}, icon("check")), el("h3", {}, `${plural(done.added, "picture")} added`),
      el("div.row", {}, button("", "Add more", idle)));
    context.trigger("done", done);
  }

  // ---- ends --------------------------------------------------------------------------------------------
  function cancel(upload) {
    control.abort();
    sending.sendingOf(memory)?.stop();
    if (upload) ask(`/api/uploads/${upload}`, { method: "DELETE" }).catch(() => {}); // else the sweep takes it
    idle();
  }

  function failed(sentence, upload) {
    show("error", notice(sentence), el("div.row", {}, button("primary", "Start over", () => cancel(upload))));
  }

  async function resume() {
    const job = sending.sendingOf(memory); // the visitor was at another page meanwhile
    if (job) return follow(job);
    const upload = sending.remembered(memory) ?? data.upload;
    if (!upload) return idle();
    show("working", el("div.bar.skeleton"));
    control = new AbortController();
    const { signal } = control;
    try {
      const found = await persist(() => ask(`/api/uploads/${upload}`, { signal }), { signal, tries: 8 });
      if (found.state === "receiving") return (await sending.sentElsewhere(upload)) ? elsewhere() : await pause(found);
      if (!["checking", "ready", "adding"].includes(found.state)) return idle();
      sending.remember(memory, upload);
      await check(upload, working({ what: NOTHING, files: 0, bytes: 0, upload }));
    } catch {
      if (!signal.aborted) idle();
    }
  }

  function elsewhere() {
    show("elsewhere", el("h3", {}, "Another tab is sending pictures"),
      el("p.quiet", {}, "Leave it open until it is done. This page shows what was understood after a reload."));
  }

  // ---- dropping ----------------------------------------------------------------------------------------
  let depth = 0;
  card.ondragenter = (event) => (event.preventDefault(), depth++, card.classList.add("over"));
  card.ondragleave = () => --depth <= 0 && ((depth = 0), card.classList.remove("over"));
  card.ondrop = async (event) => {
    event.preventDefault();
    event.stopPropagation();
    depth = 0;
    card.classList.remove("over");
    if (!["idle", "error", "done", "naming", "interrupted"].includes(card.dataset.state)) return;
    const reading = sending.dropped(event.dataTransfer);
    show("working", el("h3", {}, "Reading the folder"), el("div.bar.skeleton"));
    take(await reading);
  };
  // A drop beside the card must not make the browser leave the page.
  const hold = (event) => event.preventDefault();
  addEventListener("dragover", hold);
  addEventListener("drop", hold);

  resume();
  return {
    update: (next) => (data = next),
    stop() {
      control.abort();
      const job = sending.sendingOf(memory);
      if (job) job.watch = () => {}; // it goes on without a view
      removeEventListener("dragover", hold);
      removeEventListener("drop", hold);
    },
  };
}
