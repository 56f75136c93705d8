// One picture large, with all that is known of it: its facts, what the model says, its versions and its history.

export function largePicture(model, { step, closed }) {
  const { el, button, icon, ask, chip, count, percent, megabytes, ago } = model.kit;
  const dialog = el("dialog.large");
  let on = null;
  dialog.onclose = closed;
  dialog.onclick = (event) => event.target === dialog && dialog.close();

  function show(image) {
    const again = on === image.id && dialog.open;
    on = image.id;
    const side = again ? dialog.querySelector(".known") : el("aside.known", {}, el("div.skeleton.line"), el("div.skeleton.line"));
    const picture = again ? dialog.querySelector("img.whole") : el("img.whole", { src: `/api/images/${image.id}/view`, alt: image.name });
    dialog.replaceChildren(
      el("div.spread", {}, picture, side),
      el("div.foot", {}, chip(image.label ?? "no label", model.color(image.label)), el("span.quiet.path", { title: image.name }, image.name),
        model.why && button("primary", [icon("why"), "Why this answer?"], () => model.why(image.id)),
        button("", [icon("like"), "More like this"], () => (dialog.close(), model.trigger("like", { id: image.id }))),
        button("", [icon("left")], () => step(-1), { title: "Previous (left arrow)" }),
        button("", [icon("right")], () => step(1), { title: "Next (right arrow)" }),
        button("", "Close", () => dialog.close())));
    if (!dialog.open) dialog.showModal();
    know(image.id, side);
  }

  async function know(id, side) {
    const known = await ask(`/api/images/${id}`).catch((error) => ({ error: error.message }));
    if (on !== id || !side.isConnected) return;
    if (known.error) return side.replaceChildren(el("p.quiet", {}, known.error));
    side.replaceChildren(...[
      facts(known),
      known.said.length && section("The instant model says", ...known.said.map(said),
        known.learned && el("p.quiet", {}, "It has learned from this very picture, so this proves little.")),
      known.versions.length && section(known.versions.length === 1 ? "In one version" : `In ${count(known.versions.length)} versions`,
        el("p", {}, known.versions.slice(0, 6).map(({ id: number, name }) => name || `Version ${number}`).join(", "))),
      section("What was done to it", el("ol.history", {}, known.history.map(told))),
    ].filter(Boolean));
  }

  const section = (title, ...content) => el("section", {}, el("h4", {}, title), ...content);

  function facts({ width, height, format, bytes, split, origin, added_at: added }) {
    const uses = { auto: "Darkroom decides", train: "Training", validation: "Validation", test: "Testing" };
    const pairs = [["Size", `${count(width)} \u00d7 ${count(height)} px`], ["File", `${format}, ${megabytes(bytes)}`],
      ["Used for", uses[split]], ["Came from", origin || "an upload"], ["Added", ago(added)]];
    return el("dl", {}, pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  }

  const said = ({ label, confidence }) => el("div.said", {}, el("i.dot", { style: { "--c": model.color(label) ?? "transparent" } }),
    el("span.name", {}, label), el("span.quiet", {}, percent(confidence)), el("div.bar", {}, el("i", { style: { width: `${100 * confidence}%`, background: model.color(label) ?? "var(--quiet)" } })));

  function told({ at, who, kind, undone, label, split, deleted }) {
    const [before, after] = label;
    const names = { auto: "automatic", train: "training", validation: "validation", test: "testing" };
    const words = [
      kind === "add" && (after ? `added it as \u201c${after}\u201d` : "added it without a label"),
      kind !== "add" && before !== after && (after ? `labelled it \u201c${after}\u201d${before ? `, it was \u201c${before}\u201d` : ""}` : `took the label \u201c${before}\u201d off`),
      kind !== "add" && split[0] !== split[1] && `moved it from ${names[split[0]]} to ${names[split[1]]}`,
      kind !== "add" && deleted[0] !== deleted[1] && (deleted[1] ? "deleted it" : "put it back"),
    ].filter(Boolean);
    const line = `${who} ${words.join(" and ") || "left it as it was"}${kind === "undo" ? " (taking a step back)" : ""}`;
    return el(undone ? "li.undone" : "li", {}, el("span", {}, line), el("span.quiet", {}, `${ago(at)}${undone ? ", taken back since" : ""}`));
  }

  return { dialog, show };
}
