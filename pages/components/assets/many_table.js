// The table of many answers: filter, sort, look, choose, confirm or put right, take back, take away.

const ROWS = 40; // fetched at a time
const LEARN_MS = 600; // between two looks at whether the model has learned
const SURE = [["", "Any confidence"], ["0.9-1", "90 % and more"], ["0.5-0.9", "50 to 90 %"], ["0-0.5", "below 50 %"]];
const STATES = [["no", "Not in the dataset"], ["yes", "In the dataset"], ["", "All"]];
const ORDERS = [["worth", "Most worth a label"], ["sure", "Surest first"], ["unsure", "Least sure first"], ["label", "By answer"], ["name", "By name"], ["arrival", "As they came"], ["newest", "Newest first"]];

export function answerTable(kit, data, batch, why) {
  const { el, button, icon, chip, ask, percent, plural, count, notice, renew, sleep, Refusal } = kit;
  const selected = (name, options, value) => {
    const node = el("select", { "aria-label": name, onchange: () => show() }, options.map(([key, words]) => el("option", { value: key }, words)));
    node.value = value;
    return node;
  };
  const label = el("select", { "aria-label": "Answer", onchange: () => show() });
  const sure = selected("Confidence", SURE, ""), state = selected("State", STATES, "no"), order = selected("Order", ORDERS, "worth");
  const csv = el("a.link", { download: "" }, "CSV"), zip = el("a.link", { download: "" }, "Zip, sorted into folders");
  const said = el("div.said", { role: "status" });
  const list = el("div.rows", { role: "list" });
  // Made once: answers come in while somebody is writing a label or pressing a button here.
  const number = el("b"), add = button("primary", "", () => file(null)), none = button("plain", "None", () => chooseAll(false));
  const name = el("input", { type: "text", placeholder: "Another label", maxLength: 100, "aria-label": "Another label" });
  name.setAttribute("list", "many-labels");
  name.onkeydown = (event) => {
    event.stopPropagation();
    if (event.key === "Enter") call.click();
  };
  const call = button("", "Call them that", () => name.value.trim() && file(name.value.trim()));
  const names = el("datalist", { id: "many-labels" });
  const sum = el("span.quiet"), every = button("plain", "Choose all that match", () => chooseAll(true));
  const acting = el("div.acting", { hidden: true }, number, add, el("span.other", {}, name, call, names), none), idle = el("div.acting", {}, sum, every);

  const more = button("", "Show more", () => fetchRows(list.childElementCount), { hidden: true });
  const node = el("section.table", { hidden: true }, el("div.filters", {}, label, sure, state, order, el("span.take", {}, csv, zip)), acting, idle, said, list, more);
  let total = 0, asked = 0, all = false, busy = false, counts = [];
  const chosen = new Map(); // id -> row

  const filter = () => {
    const [least, most] = (sure.value || "-").split("-");
    return { batch: batch() ?? "", label: label.value, least, most, filed: state.value };
  };
  const query = (more = {}) => new URLSearchParams(Object.entries({ ...filter(), ...more }).filter(([, value]) => value !== "" && value !== undefined && value !== null)).toString();
  const at = (what) => `/api/datasets/${data().dataset_id}/predictions${what}`;
  const colour = (name) => data().labels.find((one) => one.name === name)?.color;

  // ---- rows --------------------------------------------------------------------------------------------
  function show() {
    chosen.clear();
    all = false;
    said.replaceChildren();
    csv.href = at(`.csv?${query()}`);
    zip.href = at(`.zip?${query()}`);
    return fetchRows(0);
  }

  /** New answers have come: the page that is looked at stays as it is, only its numbers move. */
  function refresh(quiet) {
    if (!quiet || list.childElementCount < ROWS) return fetchRows(0, true);
    return fetchRows(0, true, 1);
  }

  async function fetchRows(offset, keep = false, limit = ROWS) {
    const mine = ++asked;
    const found = await ask(at(`?${query({ order: order.value, offset, limit })}`)).catch((error) => (tell(notice(error.message)), null));
    if (!found || mine !== asked) return;
    total = found.total;
    counts = found.labels;
    drawLabels();
    const any = total > 0 || counts.length > 0 || sure.value || state.value !== "no" || batch() !== null;
    node.hidden = !any;
    if (limit === ROWS) {
      if (offset) list.append(...found.rows.map(row));
      else drawRows(found.rows);
    }
    more.hidden = list.querySelectorAll(".one").length >= total;
    drawBar();
  }

  /** Rows that are there already stay, so that a click on one is not lost while answers come in. */
  function drawRows(some) {
    const known = new Map([...list.children].map((node) => [node.mark, node]));
    const rows = some.map((one) => known.get(JSON.stringify(one)) ?? row(one));
    rows.forEach((node, at) => (node.querySelector("input").checked = all || chosen.has(some[at].id)));
    if (!rows.length) rows.push(el("p.quiet.none", {}, "No picture matches. Choose another filter."));
    for (const node of [...list.children]) if (!rows.includes(node)) node.remove();
    rows.forEach((node, at) => node !== list.children[at] && list.insertBefore(node, list.children[at] ?? null)); // what stays is not touched
  }

  function drawLabels() {
    const kept = label.value;
    const sum = counts.reduce((so, [, many]) => so + many, 0);
    label.replaceChildren(el("option", { value: "" }, `All answers (${count(sum)})`), ...counts.map(([name, many]) => el("option", { value: name }, `${name} (${count(many)})`)));
    label.value = counts.some(([name]) => name === kept) ? kept : "";
  }

  function row(one) {
    const box = el("input", { type: "checkbox", checked: all || chosen.has(one.id), "aria-label": one.name, onchange: () => choose(one, box.checked) });
    const second = one.ranked[1];
    const verdict = one.verdict_words ? el("span.doubt", { title: one.verdict_words }, one.verdict === "unlike" ? "unlike all it knows" : "unsure") : null;
    return el("label.one", { role: "listitem", mark: JSON.stringify(one), data: { id: one.id } }, box,
      el("span.thumb", {}, el("img", { src: `/api/predictions/${one.id}/thumb?v=${one.version}`, alt: "", loading: "lazy", draggable: false })),
      el("span.what", {}, chip(one.label, colour(one.label)), verdict, el("span.path.quiet", { title: one.name }, one.name)),
      el("span.much", {}, el("span.track", {}, el("i", { style: { "--c": colour(one.label) ?? "var(--quiet)", width: `${100 * one.confidence}%` } })), el("b", {}, percent(one.confidence))),
      el("span.second.quiet", {}, one.filed ? [icon("check"), one.filed_as === one.label ? "in the dataset" : `in the dataset as ${one.filed_as ?? "no label"}`] : second ? `or ${second.label}, ${percent(second.confidence)}` : ""),
      button("plain ask", icon("why"), () => why(one), { title: "Why this answer?" }));
  }

  // ---- choosing and acting -----------------------------------------------------------------------------
  function choose(one, on) {
    if (all) {
      all = false; // from now on it is those that are seen
      for (const node of list.querySelectorAll(".one")) chosen.set(Number(node.dataset.id), { id: Number(node.dataset.id), label: node.querySelector(".chip .name").textContent });
    }
    if (on) chosen.set(one.id, one);
    else chosen.delete(one.id);
    drawBar();
  }

  function chooseAll(on) {
    all = on;
    chosen.clear();
    list.querySelectorAll("input").forEach((box) => (box.checked = on));
    drawBar();
  }

  function drawBar() {
    const many = all ? total : chosen.size, filing = state.value !== "yes";
    acting.hidden = !(idle.hidden = Boolean(many && filing));
    if (acting.hidden) name.value = "";
    number.textContent = `${plural(many, "picture")} chosen`;
    add.textContent = many === 1 ? "Right: add it" : "Right: add them";
    renew(names, data().labels.map((one) => one.name), () => data().labels.map((one) => el("option", { value: one.name })));
    sum.textContent = plural(total, "picture");
    every.hidden = !(total && filing);
    for (const one of [add, name, call, none]) one.disabled = busy;
  }

  async function file(as) {
    const many = all ? total : chosen.size;
    const wish = all ? { where: filter(), label: as } : { labels: Object.fromEntries([...chosen.values()].map((one) => [one.id, as ?? one.label])) };
    busy = true;
    drawBar();
    tell(el("p.quiet", {}, `Adding ${plural(many, "picture")} to the dataset`));
    try {
      const done = await ask(at("/file"), { method: "POST", json: wish });
      await show();
      const left = done.left ? ` ${plural(done.left, "picture")} could not be added: the file is gone.` : "";
      tell(el("p.done", {}, icon("check"), `${plural(done.images, "picture")} ${done.images === 1 ? "is" : "are"} in the dataset now; the model learns ${done.images === 1 ? "it" : "them"}.${left}`),
        done.actions.length > 0 && button("", [icon("undo"), "Undo"], () => undo(done.actions)), outcome(done.brought));
    } catch (error) {
      tell(notice(error instanceof Refusal ? error.message : "The server does not answer. Nothing was added; try again in a moment."));
    } finally {
      busy = false;
      drawBar();
    }
  }

  /** What the correction brought, once the instant model has learned it: a line that is filled when it is known. */
  function outcome(correction) {
    if (correction === null || correction === undefined) return null;
    const line = el("p.brought.quiet", {}, "The model is learning. What it brings is told here.");
    follow(correction, line);
    return line;
  }

  async function follow(correction, line) {
    await sleep(LEARN_MS);
    while (line.isConnected) {
      const now = await ask(`/api/datasets/${data().dataset_id}/corrections/${correction}`).catch((error) => (error instanceof Refusal ? null : { learning: true }));
      if (!now) return line.remove();
      if (!now.learning) {
        line.classList.remove("quiet");
        return line.replaceChildren(`${now.sentence} `, el("a.link", { href: `/models?model=${now.model_id}&view=compare&correction=${correction}`, target: "_self" }, "Show which"));
      }
      await sleep(LEARN_MS);
    }
  }

  async function undo(actions) {
    try {
      const { images } = await ask(at("/unfile"), { method: "POST", json: { actions } });
      await show();
      tell(el("p.done", {}, icon("undo"), `${plural(images, "picture")} taken back.`));
    } catch (error) {
      tell(notice(error.message));
    }
  }

  const tell = (...what) => said.replaceChildren(...what.filter(Boolean));
  return { node, show, refresh, labels: drawBar };
}
