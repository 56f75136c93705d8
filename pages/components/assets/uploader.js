// The uploader: drop, send, look at what was understood, add. Every state is one drawing of the same card.

export async function mount(kit, context) {
  const { el, button, icon, chip, notice, ask, persist, sleep, count, plural } = kit;
  const sending = await import(context.at("sending.js"));
  let data = context.data;
  let control = null; // aborts what is under way
  let busy = false; // bytes only this tab has: closing it would stop them
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
    busy = false;
    sessionStorage.removeItem(memory);
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
  async function begin(what, name) {
    control = new AbortController();
    const { signal } = control;
    const view = working(what);
    busy = true;
    let upload;
    try {
      upload = (await persist(
        () => ask("/api/uploads", { method: "POST", json: { dataset_id: data.dataset_id, name }, signal }),
        { signal, waiting: view.waiting })).id;
      view.cancel.onclick = () => cancel(upload);
      await sending.send(kit, upload, what, { signal, ...view });
      await persist(() => ask(`/api/uploads/${upload}/finish`, { method: "POST", signal }), { signal, waiting: view.waiting });
      busy = false;
      sessionStorage.setItem(memory, upload);
      await check(upload, view, what);
    } catch (error) {
      if (!signal.aborted) failed(error.message, upload);
    }
  }

  function working(what) {
    const total = what.pictures.length + what.archives.length;
    const title = el("h3", {}, `Sending ${told(what)}`);
    const fill = el("i"), line = el("p.quiet.line"), lost = el("div", { hidden: true });
    const bar = el("div.bar", { role: "progressbar", "aria-label": "Upload", "aria-valuemin": 0, "aria-valuemax": 100 }, fill);
    const stop = button("plain", "Cancel", () => cancel(null));
    const begun = performance.now();
    let files = 0, bytes = 0;
    const vanished = [];
    lost.append(notice("The connection is lost. Nothing is lost: sending goes on by itself as soon as the server answers."));
    show("working", el("div.row.head", {}, title, stop), bar, line, lost);
    const set = (share) => {
      fill.style.width = `${100 * share}%`;
      bar.setAttribute("aria-valuenow", Math.round(100 * share));
    };
    const draw = () => {
      const seconds = (performance.now() - begun) / 1000;
      const share = what.bytes ? bytes / what.bytes : 0;
      set(share);
      const left = seconds > 1 && share > 0.01 ? `, ${kit.duration((seconds / share) * (1 - share))} left` : "";
      line.textContent = `${count(files)} of ${count(total)}, ${kit.megabytes(bytes)} of ${kit.megabytes(what.bytes)}` +
        (seconds > 1 ? ` at ${kit.megabytes(bytes / seconds)}/s` : "") + left;
    };
    draw();
    return {
      title, line, vanished, set, cancel: stop,
      waiting: (is) => (lost.hidden = !is),
      moved: (n, b) => ((files += n), (bytes += b), draw()),
      gone: (items) => vanished.push(...items),
    };
  }

  // ---- the server looks at every picture ---------------------------------------------------------------
  async function check(upload, view, what) {
    const { signal } = control;
    view.title.textContent = "Looking at every picture";
    for (;;) {
      const found = await persist(() => ask(`/api/uploads/${upload}`, { signal }), { signal, waiting: view.waiting });
      if (found.state === "ready") return result(upload, found, view.vanished, what?.skipped ?? 0);
      if (found.state === "added" || found.state === "cancelled") return idle();
      view.set(found.received ? found.checked / found.received : 0);
      const left = found.seconds_left ? `, ${kit.duration(found.seconds_left)} left` : "";
      view.line.textContent = `${count(found.checked)} of ${count(found.received)} looked at${left}`;
      await sleep(400, signal);
    }
  }

  // ---- what was understood -----------------------------------------------------------------------------
  function result(upload, found, vanished, skipped) {
    const known = new Map(data.labels.map(({ name, color }) => [name, color]));
    let next = data.labels.length;
    // In the order in which the server will make them, so that each has here the colour it keeps.
    const natural = new Intl.Collator("en", { numeric: true });
    const chips = Object.entries(found.labels).sort(([a], [b]) => natural.compare(a, b)).map(([name, n]) =>
      chip(name, known.get(name) ?? data.palette[next++ % data.palette.length], count(n)));
    if (found.unlabelled) chips.push(chip("without a label", null, count(found.unlabelled)));
    const add = button("primary", `Add ${plural(found.accepted, "picture")}`, () => confirm(upload, add, found.accepted));
    show("result",
      el("div.row.head", {}, el("h3", {}, found.sentence), button("plain", "Start over", () => cancel(upload))),
      chips.length > 0 && el("div.chips", {}, chips.slice(0, 60), chips.length > 60 && el("span.quiet", {}, `and ${count(chips.length - 60)} more`)),
      parts(found),
      found.advice && notice(found.advice),
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

  async function confirm(upload, add, accepted) {
    add.disabled = true;
    try {
      const done = await persist(() => ask(`/api/uploads/${upload}/add`, { method: "POST" }), { tries: 6 });
      done.added ||= accepted; // asked twice, because an answer was lost: the second one adds nothing more
      sessionStorage.removeItem(memory);
      show("done", el("div.lens.good", {}, icon("check")), el("h3", {}, `${plural(done.added, "picture")} added`),
        el("div.row", {}, button("", "Add more", idle)));
      context.trigger("done", done);
    } catch (error) {
      failed(error.message, upload);
    }
  }

  // ---- ends --------------------------------------------------------------------------------------------
  function cancel(upload) {
    control?.abort();
    if (upload) ask(`/api/uploads/${upload}`, { method: "DELETE" }).catch(() => {}); // else the sweep takes it
    idle();
  }

  function failed(sentence, upload) {
    busy = false;
    show("error", notice(sentence), el("div.row", {}, button("primary", "Start over", () => cancel(upload))));
  }

  async function resume() {
    const upload = sessionStorage.getItem(memory) ?? data.upload;
    idle();
    if (!upload) return;
    control = new AbortController();
    try {
      const found = await ask(`/api/uploads/${upload}`, { signal: control.signal });
      sessionStorage.setItem(memory, upload);
      if (found.state === "checking") await check(upload, working({ pictures: [], archives: [], bytes: 0 }));
      else if (found.state === "ready") result(upload, found, [], 0);
    } catch {
      sessionStorage.removeItem(memory);
    }
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
    if (!["idle", "error", "done", "naming"].includes(card.dataset.state)) return;
    const reading = sending.dropped(event.dataTransfer);
    show("working", el("h3", {}, "Reading the folder"), el("div.bar.skeleton"));
    take(await reading);
  };
  // A drop beside the card must not make the browser leave the page.
  const hold = (event) => event.preventDefault();
  const warn = (event) => busy && event.preventDefault();
  addEventListener("dragover", hold);
  addEventListener("drop", hold);
  addEventListener("beforeunload", warn);

  resume();
  return {
    update: (next) => (data = next),
    stop() {
      control?.abort();
      removeEventListener("dragover", hold);
      removeEventListener("drop", hold);
      removeEventListener("beforeunload", warn);
    },
  };
}
