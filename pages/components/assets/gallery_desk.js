// The labelling screen: one large picture, the labels with their keys, what comes next below. A key labels and steps on.

export function draw(model, place, ids) {
  const { el, button, icon, count, percent } = model.kit;
  let at = Math.max(0, ids.findIndex((id) => !model.shown(id).label));
  let told = false;
  const asked = new Set(ids.filter((id) => model.shown(id).asked)); // a label they have, but is it right?
  const done = () => ids.filter((id) => model.shown(id).label && !asked.has(id)).length;

  let on = null; // id of the picture on the stage
  const ahead = new Image(); // the next picture is fetched while this one is looked at
  const suggestion = el("div.suggestion");
  const choices = el("div.choices");
  const strip = el("div.strip");
  const progress = el("div.bar", {}, el("i"));
  const number = el("span.quiet");
  const stage = el("div.stage", { tabIndex: 0, "aria-label": "The picture to label" });
  const side = el("div.side", {}, suggestion, choices);
  place.replaceChildren(
    el("div.tools.desk", {}, number, el("div.rest", {}, model.state, model.undo)), progress,
    el("div.desk-body", {}, stage, side), strip);

  for (const [index, id] of ids.entries()) {
    const thumb = el("button.next", { type: "button", onclick: () => go(index) },
      el("img", { src: `/api/images/${id}/thumb`, alt: "", loading: "lazy" }), el("i.dot"));
    strip.append(thumb);
  }

  function go(index) {
    at = Math.min(Math.max(index, 0), ids.length);
    paint();
    stage.focus({ preventScroll: true });
  }

  function choose(name) {
    if (at >= ids.length || !name) return;
    asked.delete(ids[at]);
    model.label([ids[at]], name);
    go(at + 1);
    if (at >= ids.length && !told) {
      told = true;
      model.trigger("next", { labelled: done() });
    }
  }

  place.onkeydown = (event) => {
    if (event.target.matches("input, select")) return;
    const key = event.ctrlKey || event.metaKey ? `Ctrl ${event.key.toLowerCase()}` : event.key;
    const act = keys[key] ?? (/^[1-9]$/.test(key) && (() => choose(model.labels[Number(key) - 1]?.name)));
    if (!act || event.repeat) return; // a held key must not label a whole page
    if (key === "Enter" && event.target.matches("button")) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  };
  const keys = {
    Enter: () => choose(at < ids.length && model.shown(ids[at]).suggestion),
    ArrowRight: () => go(at + 1),
    ArrowLeft: () => go(at - 1),
    "Ctrl z": () => (model.undoLast(), go(at - 1)),
    Delete: () => at < ids.length && (model.remove([ids[at]]), go(at + 1)),
    n: () => naming(),
  };

  function labels() {
    const now = at < ids.length ? model.shown(ids[at]).label : null;
    choices.replaceChildren(
      ...model.labels.map((label, index) =>
        button(label.name === now ? "label.on" : "label",
          [el("i.dot", { style: { "--c": label.color } }), el("span.name", {}, label.name), index < 9 && el("kbd", {}, `${index + 1}`)].filter(Boolean),
          () => choose(label.name), { title: label.name })),
      button("plain.label", "New label\u2026", naming, { title: "Key n" }));
  }

  function naming() {
    const input = el("input.new", { type: "text", placeholder: "New label, then Enter", maxLength: 100 });
    input.onkeydown = (event) => {
      event.stopPropagation();
      if (event.key === "Escape") go(at);
      if (event.key === "Enter" && input.value.trim()) choose(input.value.trim());
    };
    choices.lastChild.replaceWith(input);
    setTimeout(() => input.focus());
  }

  function paint() {
    const so = done();
    number.textContent = at < ids.length ? `Picture ${count(at + 1)} of ${count(ids.length)}, ${count(so)} labelled` : `${count(so)} of ${count(ids.length)} labelled`;
    progress.firstChild.style.width = `${ids.length ? (100 * so) / ids.length : 0}%`;
    paintStage();
    labels();
    for (const [index, thumb] of [...strip.children].entries()) {
      const image = model.shown(ids[index]);
      thumb.setAttribute("aria-current", index === at);
      thumb.dataset.state = model.conflicts.has(image.id) ? "conflict" : model.pending(image.id) ? "pending" : image.label ? "saved" : "open";
      thumb.title = image.label ?? "no label";
      thumb.lastChild.style.setProperty("--c", model.color(image.label) ?? "transparent");
    }
    const now = strip.children[at];
    if (now) strip.scrollTo({ left: now.offsetLeft - strip.clientWidth / 2 + now.clientWidth / 2, behavior: "instant" });
  }

  function paintStage() {
    const id = ids[at];
    if (id !== on) {
      // A new element: the last picture must not stay on screen for one moment under the next one's keys.
      stage.replaceChildren(...(id === undefined ? [] : [el("img.big", { src: `/api/images/${id}/view`, alt: "" })]));
      stage.style.setProperty("--thumb", id === undefined ? "none" : `url("/api/images/${id}/thumb")`);
      on = id;
    }
    if (id === undefined) {
      return suggestion.replaceChildren(el("h3", {}, ids.length ? "These are done" : "Nothing to label"),
        el("p.quiet", {}, ids.length ? "The next pictures follow as soon as the page has them." : "Every picture here has a label."));
    }
    const image = model.shown(id);
    stage.firstChild.alt = image.name;
    if (ids[at + 1] !== undefined) ahead.src = `/api/images/${ids[at + 1]}/view`;
    suggestion.replaceChildren(...(image.suggestion
      ? [el("p.quiet", {}, `The model says, ${percent(image.confidence ?? 0)} sure`),
        button("primary", [el("span.name", {}, image.suggestion), el("kbd", {}, "Enter")], () => choose(image.suggestion))]
      : [el("p.quiet", {}, "What is this?")]));
    suggestion.append(el("p.quiet.path", { title: image.name }, image.name));
  }

  paint();
  stage.focus({ preventScroll: true });
  return { paint, labels, stop: () => (place.onkeydown = null) };
}
