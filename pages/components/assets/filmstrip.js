// Watch it learn: a strip of film whose pictures stay the same while what the network sees in them changes.

const BARS = 3; // labels of a picture: the right one, and the best of the others
const PLAY_MS = 550; // an epoch, when it is played

export function mount(kit, context) {
  const { el, ask, persist, sleep, percent, icon, plural } = kit;
  let data = context.data;
  let control = new AbortController();
  let strip = null; // {labels, pictures} once they are chosen
  let frames = new Map(); // epoch -> frame
  let shown = -1; // place in the sorted frames; -1: the newest, whichever that is
  let heat = true;
  let playing = 0;
  let cells = [];

  const slider = el("input", { type: "range", min: 0, step: 1, "aria-label": "Epoch", oninput: () => (halt(), go(Number(slider.value))) });
  const play = el("button", { type: "button", title: "Play it from its beginning", onclick: () => (playing ? halt() : start()) }, icon("play"));
  const glow = el("button", { type: "button", title: "Where it saw the label it says", onclick: () => ((heat = !heat), draw()) }, icon("heat"), el("span", {}, "Heat maps"));
  const title = el("b.epoch"), score = el("span.quiet"), film = el("div.film", { tabIndex: 0, "aria-label": "Film strip" });
  const head = el("div.head", {}, el("div", {}, el("h3", {}, "Watch it learn"),
    el("p.quiet.help", {}, "The same pictures after every epoch. It never learns from these: what it says of them is what it has understood.")), glow);
  const scrubber = el("div.scrubber", {}, play, slider, el("div.says", { role: "status" }, title, score));
  context.root.hidden = true;
  context.root.replaceChildren(head, film, scrubber);

  // ---- asking ------------------------------------------------------------------------------------------
  async function poll(signal) {
    while (!signal.aborted) {
      await persist(() => look(signal), { signal });
      if (!data.live) return;
      await sleep(1000 * data.refresh_s, signal);
      if (document.hidden) await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true, signal }));
    }
  }

  async function look(signal) {
    const newest = strip && frames.size ? Math.max(...frames.keys()) : -1;
    const answer = await ask(`/api/runs/${data.run_id}/strip?since=${newest}`, { signal });
    if (!strip && answer.pictures.length) {
      strip = answer;
      build();
    }
    for (const frame of answer.frames) frames.set(frame.epoch, frame);
    if (answer.frames.length) draw();
  }

  // ---- moving ------------------------------------------------------------------------------------------
  const order = () => [...frames.keys()].sort((a, b) => a - b);

  function go(place) {
    shown = place >= frames.size - 1 ? -1 : place;
    draw();
  }

  function start() {
    let place = 0;
    play.replaceChildren(icon("pause"));
    go(place);
    playing = setInterval(() => {
      place += 1;
      go(place);
      if (place >= frames.size - 1) halt();
    }, PLAY_MS);
  }

  function halt() {
    clearInterval(playing);
    playing = 0;
    play.replaceChildren(icon("play"));
  }

  // ---- drawing -----------------------------------------------------------------------------------------
  function build() {
    cells = strip.pictures.map(({ image_id, v, label }) => {
      const canvas = el("canvas.heat"), verdict = el("p.verdict");
      const rows = Array.from({ length: Math.min(BARS, strip.labels.length) }, () => {
        const name = el("span.name"), fill = el("i"), share = el("span.share");
        return { name, fill, share, node: el("div.rank", {}, name, el("span.track", {}, fill), share) };
      });
      const picture = el("img", { src: `/api/images/${image_id}/thumb?v=${v}`, alt: strip.labels[label], loading: "lazy", draggable: false });
      const node = el("figure.shot", {}, el("div.gate", {}, el("div.fit", {}, picture, canvas)), el("figcaption", {}, verdict, rows.map((row) => row.node)));
      return { node, canvas, verdict, rows, right: label };
    });
    film.replaceChildren(...cells.map(({ node }) => node));
  }

  function draw() {
    const epochs = order();
    context.root.hidden = !strip || !epochs.length;
    if (context.root.hidden) return;
    const place = shown < 0 ? epochs.length - 1 : Math.min(shown, epochs.length - 1), frame = frames.get(epochs[place]);
    slider.max = epochs.length - 1;
    slider.value = place;
    slider.disabled = play.disabled = epochs.length < 2;
    slider.style.setProperty("--share", `${(100 * place) / Math.max(1, epochs.length - 1)}%`);
    glow.setAttribute("aria-pressed", heat);
    const right = cells.filter((cell, at) => frame.said[at]?.[0][0] === cell.right).length;
    title.textContent = frame.epoch === 0 ? "Before it began" : `Epoch ${frame.epoch}`;
    slider.setAttribute("aria-valuetext", title.textContent);
    score.textContent = `${right} of ${plural(cells.length, "picture")} right`;
    cells.forEach((cell, at) => frame.said[at] && expose(cell, frame.said[at], frame.maps[at], frame.shape));
  }

  /** One picture, with what was said of it: the right label first, so that its bar is where the eye looks for it. */
  function expose(cell, said, map, [rows, columns]) {
    const [[best]] = said, share = Object.fromEntries(said);
    const order = [cell.right, ...said.map(([label]) => label).filter((label) => label !== cell.right)].slice(0, cell.rows.length);
    cell.node.classList.toggle("right", best === cell.right);
    cell.verdict.replaceChildren(icon(best === cell.right ? "check" : "cross"), el("span", { title: strip.labels[best] }, best === cell.right ? "right" : `says ${strip.labels[best]}`));
    cell.rows.forEach((row, at) => {
      const label = order[at];
      row.node.style.visibility = label === undefined ? "hidden" : "";
      if (label === undefined) return;
      row.name.textContent = row.name.title = strip.labels[label];
      row.fill.style.setProperty("--c", data.colors[label] ?? "var(--quiet)");
      row.fill.style.width = `${100 * share[label]}%`;
      row.share.textContent = percent(share[label]);
      row.node.classList.toggle("best", label === best);
    });
    cell.canvas.hidden = !heat || rows * columns < 2;
    if (!cell.canvas.hidden) kit.paintHeat(cell.canvas, [...atob(map)].map((one) => one.charCodeAt(0) / 255), columns, { side: 160, veil: 40 });
  }

  const begin = () => poll(control.signal).catch(() => null); // the curves say what is wrong with a run
  begin();

  return {
    update(next) {
      const other = next.run_id !== data.run_id, waking = next.live !== data.live;
      data = next;
      if (!other && !waking) return draw();
      control.abort();
      control = new AbortController();
      if (other) {
        halt();
        [strip, frames, shown, cells] = [null, new Map(), -1, []];
        context.root.hidden = true;
      }
      begin();
    },
    stop() {
      halt();
      control.abort();
    },
  };
}
