// One large picture: the labels with their keys beside it, what comes next below. A key, a tap or a swipe steps on.

const NEAR = 12; // pictures in the strip on either side
const SWIPE_PX = 70;

export function draw(desk, place, palette, { listen, stateOf, clashOf }) {
  const { el, button, icon, percent, renew } = desk.kit;
  const { ids } = desk;
  const suggestion = el("div.suggestion");
  const labels = palette(desk, (name) => desk.choose([ids[desk.at]], name));
  const strip = el("div.strip");
  const stage = el("div.stage", { tabIndex: 0, "aria-label": "The picture to label" });
  const ahead = [new Image(), new Image(), new Image()]; // the next pictures are fetched while this one is looked at
  let on = null; // id of the picture on the stage
  const skip = button("plain.skip", ["Skip", el("kbd", {}, "Space")], () => desk.go(desk.at + 1));
  place.replaceChildren(el("div.desk-body", {}, stage, el("div.side", {}, suggestion, labels.node, skip)), strip,
    el("p.quiet.hint", {}, "1 to 9 label, letters find a label, Enter takes the suggestion, Space skips, Backspace takes back, arrows step."),
    el("p.quiet.thumbs", {}, "Swipe right to take the suggestion, left to skip."));

  const keys = {
    Enter: () => desk.confirm([ids[desk.at]]),
    ArrowRight: () => desk.go(desk.at + 1),
    ArrowLeft: () => desk.go(desk.at - 1),
    " ": () => desk.go(desk.at + 1),
    Backspace: () => desk.undo(),
    "Ctrl z": () => desk.undo(),
    Delete: () => desk.at < ids.length && desk.remove([ids[desk.at]]),
  };
  const stop = listen(place, labels, (name) => desk.choose([ids[desk.at]], name), keys);
  labels.node.addEventListener("leave", () => stage.focus({ preventScroll: true }));

  // ---- the thumb of a hand -----------------------------------------------------------------------------
  let from = null;
  stage.onpointerdown = (event) => {
    if (event.pointerType === "mouse") return;
    from = event.clientX;
    stage.setPointerCapture(event.pointerId);
  };
  stage.onpointermove = (event) => from !== null && drag(event.clientX - from);
  stage.onpointerup = (event) => {
    if (from === null) return;
    const by = event.clientX - from;
    from = null;
    drag(0);
    if (by > SWIPE_PX) desk.confirm([ids[desk.at]]);
    else if (by < -SWIPE_PX) desk.go(desk.at + 1);
  };
  stage.onpointercancel = () => ((from = null), drag(0));
  function drag(by) {
    stage.style.setProperty("--drag", `${by}px`);
    stage.dataset.swipe = by > SWIPE_PX && desk.shown(ids[desk.at])?.suggestion ? "take" : by < -SWIPE_PX ? "skip" : "";
  }

  // ---- painting ----------------------------------------------------------------------------------------
  function paint() {
    const id = ids[desk.at];
    if (id !== on) {
      // A new element: the last picture must not stay on screen for one moment under the next one's keys.
      stage.replaceChildren(...(id === undefined ? [] : [el("img.big", { src: `/api/images/${id}/view`, alt: "", draggable: false })]));
      stage.style.setProperty("--thumb", id === undefined ? "none" : `url("/api/images/${id}/thumb")`);
      on = id;
      ahead.forEach((image, step) => ids[desk.at + 1 + step] !== undefined && (image.src = `/api/images/${ids[desk.at + 1 + step]}/view`));
    }
    labels.paint(id === undefined ? null : desk.shown(id).label);
    paintSuggestion(id);
    paintStrip();
  }

  function paintSuggestion(id) {
    skip.disabled = id === undefined;
    if (id === undefined) {
      const over = desk.exhausted && !desk.queue.entries.length;
      return renew(suggestion, over, () => [el("h3", {}, over ? "These are done" : "One moment"),
        el("p.quiet", {}, over ? "Nothing else waits here." : "The next pictures are on their way.")]);
    }
    const image = desk.shown(id), clash = desk.conflicts.get(id), who = desk.others.get(id);
    stage.firstChild.alt = image.name;
    renew(suggestion, [id, image.name, image.label, image.suggestion, image.confidence, clash, who], () => said(image, clash, who));
  }

  function said(image, clash, who) {
    const words = image.suggestion
      ? [el("p.quiet", {}, `The model says, ${percent(image.confidence ?? 0)} sure`),
        button("primary", [el("span.name", {}, image.suggestion), el("kbd", {}, "Enter")], () => desk.confirm([image.id]))]
      : [el("p.quiet", {}, "What is this?")];
    if (clash) words.push(el("p.note", {}, icon("warn"), clashOf(clash)));
    else if (who) words.push(el("p.note", {}, icon("warn"), `${who === "you" ? "Somebody else" : who} just labelled this \u201c${image.label ?? "nothing"}\u201d.`));
    return [...words, el("p.quiet.path", { title: image.name }, image.name)];
  }

  function paintStrip() {
    const first = Math.max(0, desk.at - NEAR), some = ids.slice(first, desk.at + NEAR + 1);
    const known = new Map([...strip.children].map((node) => [Number(node.dataset.id), node]));
    const nodes = some.map((id) => known.get(id) ?? el("button.next", { type: "button", tabIndex: -1, data: { id }, onclick: () => desk.go(ids.indexOf(id)) },
      el("img", { src: `/api/images/${id}/thumb`, alt: "", loading: "lazy" }), el("i.dot")));
    if (nodes.length !== strip.children.length || nodes.some((node, index) => node !== strip.children[index])) strip.replaceChildren(...nodes);
    for (const node of nodes) {
      const id = Number(node.dataset.id), image = desk.shown(id);
      node.setAttribute("aria-current", id === ids[desk.at]);
      node.dataset.state = stateOf(desk, id);
      node.title = image.label ?? "no label";
      node.lastChild.style.setProperty("--c", desk.color(image.label) ?? "transparent");
    }
    const now = strip.querySelector("[aria-current=true]");
    if (now) strip.scrollTo({ left: now.offsetLeft - strip.clientWidth / 2 + now.clientWidth / 2, behavior: "instant" });
  }

  return {
    paint,
    labels: () => labels.paint(),
    focus: () => place.getRootNode().activeElement?.matches("input") && !place.contains(place.getRootNode().activeElement) ? null : stage.focus({ preventScroll: true }),
    stop,
  };
}
