// One answer: the picture with its heat map, the labels best first, the nearest training pictures, the correction.

const BARS = 5; // labels shown before "all"

/** Rounded down: 99.8 % is not 100 %. */
const sure = (share) => `${Math.floor(100 * share + 1e-9)} %`;

export function answerCard(kit, { file, name }, { correct, close, why }) {
  const { el, button, icon, chip, percent, notice } = kit;
  const address = URL.createObjectURL(file);
  const picture = el("img.picture", { src: address, alt: name });
  const canvas = el("canvas.heat", { hidden: true });
  const heat = button("", [icon("heat"), "Heat map"], () => toggle(canvas.hidden), { disabled: true, title: "Where the model looked" });
  heat.setAttribute("aria-pressed", "false");
  const body = el("div.body", {}, ...Array.from({ length: 4 }, (_, at) => el("div.skeleton", { style: { width: `${88 - 16 * at}%` } })));
  const status = el("div.status", { role: "status" });
  const node = el("article.answer", {},
    el("div.left", {}, el("div.print", {}, picture, canvas), el("div.row.under", {}, heat, el("span.quiet.path", { title: name }, name),
      button("plain", icon("cross"), () => close(card), { title: "Take it off the screen" }))),
    el("div.right", {}, body, status));
  picture.onerror = () => {
    // A format this browser cannot draw, HEIC for example: the server's copy is shown once it is there.
    picture.onerror = null;
    if (card.answer) picture.src = `/api/predictions/${card.answer.id}/picture`;
    else picture.style.visibility = "hidden";
  };

  function toggle(on) {
    canvas.hidden = !on;
    heat.setAttribute("aria-pressed", on);
  }

  function drawHeat(rows) {
    heat.disabled = false;
    toggle(false);
    // A network whose last layers want the whole picture: its map is worked out when somebody asks.
    heat.onclick = () => (rows.length ? toggle(canvas.hidden) : why(card, "heat"));
    if (!rows.length) return;
    kit.paintHeat(canvas, rows.flat(), rows[0].length);
    toggle(true);
  }

  function show(answer, labels) {
    card.answer = answer;
    if (picture.style.visibility) {
      picture.style.visibility = "";
      picture.src = `/api/predictions/${answer.id}/picture`;
    }
    drawHeat(answer.heat ?? []);
    const colour = (label) => answer.ranked.find((r) => r.label === label)?.color ?? labels.find((l) => l.name === label)?.color;
    const [best] = answer.ranked;
    const rows = answer.ranked.map(({ label, confidence }, at) => row(label, confidence, colour(label), at === 0));
    const list = el("div.ranked", {}, rows.slice(0, BARS));
    const rest = rows.length > BARS && button("plain", `All ${rows.length} labels`, (event) => (list.append(...rows.slice(BARS)), event.target.remove()));
    const kind = answer.model?.kind === "trained" ? "Trained model" : "Instant model";
    body.replaceChildren(...[
      answer.verdict_words && notice(answer.verdict_words),
      el("div.verdict", {}, el("h3", { title: best.label }, best.label), el("b", {}, sure(best.confidence))),
      list, rest,
      el("div.row", {}, button("", [icon("why"), "Why this answer?"], () => why(card))),
      answer.neighbours?.length > 0 && nearest(answer.neighbours),
      el("p.quiet.facts", {}, `${kind}, ${answer.milliseconds < 10 ? answer.milliseconds.toFixed(1) : Math.round(answer.milliseconds)} ms`),
    ].filter(Boolean));
    status.replaceChildren(button("", "That\u2019s wrong", () => choose(labels)));
  }

  function row(label, confidence, color, best) {
    const fill = el("i", { style: { "--c": color ?? "var(--quiet)", width: "0%" } });
    requestAnimationFrame(() => requestAnimationFrame(() => fill.style.setProperty("width", `${100 * confidence}%`)));
    return el(best ? "div.rank.best" : "div.rank", {}, el("span.name", { title: label }, label), el("span.track", {}, fill), el("span.share", {}, percent(confidence, 1)));
  }

  const nearest = (neighbours) => el("div.near", {}, el("p.quiet", {}, "Nearest training pictures"),
    el("div.row", {}, neighbours.slice(0, 3).map(({ image_id, label, similarity }) =>
      el("figure", { title: `${label ?? "no label"}, similarity ${percent(similarity)}` },
        el("img", { src: `/api/images/${image_id}/thumb`, alt: label ?? "no label", loading: "lazy" }), el("figcaption", {}, label ?? "no label")))));

  // ---- the correction ----------------------------------------------------------------------------------
  function choose(labels) {
    const best = card.answer.ranked[0].label;
    const input = el("input", { type: "text", placeholder: "Another label", maxLength: 100, "aria-label": "Another label" });
    const go = button("", "Use it", () => input.value.trim() && correct(card, input.value.trim()));
    input.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Enter") go.click();
      if (event.key === "Escape") show(card.answer, labels);
    };
    status.replaceChildren(el("div.choose", {}, el("p", {}, "What is it?"),
      el("div.options", {}, labels.filter((label) => label.name !== best).map((label) =>
        button("label", chip(label.name, label.color), () => correct(card, label.name)))),
      el("div.row", {}, input, go, button("plain", "Cancel", () => show(card.answer, labels)))));
  }

  function settled(before, after, label, labels, sentence) {
    show(after, labels);
    const share = (answer) => answer.ranked.find((r) => r.label === label)?.confidence ?? 0;
    const known = sentence ?? (after.ranked[0].label === label ? "Learned. It answers anew:" : "It is in the dataset now, and counts for more with others like it:");
    status.replaceChildren(el("div.learned", {}, el("p", {}, icon("check"), known),
      sentence ? null : el("p.change", {}, el("span.name", { title: label }, label), el("b.quiet", {}, percent(share(before))), icon("right"), el("b", {}, percent(share(after))))));
  }

  const card = {
    node, name, file, answer: null, show, settled,
    learning: (sentence) => status.replaceChildren(el("div.learning", {}, el("i.live"), sentence)),
    trouble: (sentence, again) => status.replaceChildren(notice(sentence, button("", "Try again", again))),
    fail: (sentence, again) => (body.replaceChildren(notice(sentence, button("plain", "Try again", again))), status.replaceChildren()),
    dispose: () => (URL.revokeObjectURL(address), node.remove()),
  };
  return card;
}
