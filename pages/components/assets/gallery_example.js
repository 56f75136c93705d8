// Search by example: a picture from outside, chosen or dropped on the sheet, is answered with those most like it.

export function byExample(model) {
  const { el, button, icon, ask, persist, notice } = model.kit;
  const control = new AbortController();
  const input = el("input", { type: "file", accept: "image/*", hidden: true });
  const said = el("div.messages");
  const veil = el("div.veil", { hidden: true }, el("p", {}, "Drop a picture to find those like it"));
  input.onchange = () => {
    const [file] = input.files;
    input.value = "";
    if (file) search(file);
  };

  async function search(file) {
    said.replaceChildren(el("p.quiet", { role: "status" }, `Looking for pictures like ${file.name}`));
    try {
      const { images } = await persist(() => ask(`/api/datasets/${model.data.dataset_id}/similar`,
        { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" }, signal: control.signal }), { signal: control.signal, tries: 3 });
      if (!images.length) return say("There is no picture to compare it with yet. New pictures need a moment to be looked at.");
      said.replaceChildren();
      model.trigger("found", { ids: images.map(({ id }) => id), name: file.name });
    } catch (error) {
      if (!control.signal.aborted) say(error.message);
    }
  }

  function say(sentence) {
    said.replaceChildren(notice(sentence, button("plain", "Close", () => said.replaceChildren())));
  }

  // Dragging a file over the page shows where to let go; a picture of the page itself is no file.
  const files = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  const over = (is) => ((depth = Math.max(0, depth + (is ? 1 : -1))), (veil.hidden = !depth));
  const node = el("div.example", {}, input, said, veil);
  function listen(sheet) {
    const on = (name, act) => sheet.addEventListener(name, (event) => files(event) && (event.preventDefault(), act(event)), { signal: control.signal });
    on("dragenter", () => over(true));
    on("dragleave", () => over(false));
    on("dragover", () => {});
    on("drop", (event) => {
      depth = 0;
      veil.hidden = true;
      event.stopPropagation();
      if (event.dataTransfer.files[0]) search(event.dataTransfer.files[0]);
    });
  }

  return {
    node, listen,
    button: button("", [icon("like"), "Search by picture"], () => input.click(), { title: "Or drop a picture here" }),
    stop: () => control.abort(),
  };
}
