// What can be done with the selected pictures: the same bar for the contact sheet and for the map.
//
// `target()` is what is meant: ids of pictures on screen, or {where, count}: all that match, over all pages.

const KEYS = 9; // labels that have a key, and a button where there is room
const BESIDE = 4; // labels that stand beside the other buttons; more have a line of their own, kept free before they come

export function selectionBar(model, node, { target, size, clear, idle = () => [], beside = () => [], after = () => {} }) {
  const { el, button, icon, count, renew } = model.kit;
  const trash = () => model.data.mode === "trash";

  const rest = el("div.rest", {}, model.state, model.undo);

  /** What is there already stays, so that a hand that is just pressing it, or writing a new label, loses nothing. */
  function draw(anew = false) {
    const n = size();
    node.classList.toggle("tall", model.labels.length > BESIDE && !trash());
    // On a phone the bar of a selection lies at the window's lower edge: what was tapped stays where it is.
    if (n && !node.classList.contains("chosen")) node.parentNode?.style.setProperty("--kept", `${node.offsetHeight}px`);
    node.classList.toggle("chosen", n > 0);
    const bar = (fitting) => (n ? [el("b.number", {}, `${count(n)} selected`), ...beside(), ...(trash() ? putBack() : choices(fitting)),
      button("plain", "Clear", clear)] : idle());
    if (anew) node.mark = null;
    const content = bar(KEYS);
    const drew = renew(node, [node.clientWidth, ...content.map((one) => one.outerHTML)], () => [...content, rest]);
    if (drew && n && !trash() && hidden()) node.replaceChildren(...bar(KEYS - hidden()), rest);
  }

  /** How many of the labels' buttons the line has no room for. Where it can be swept with a finger, none counts. */
  function hidden() {
    const some = node.querySelector(".labels");
    if (getComputedStyle(some).getPropertyValue("--swept").trim()) return 0;
    const end = some.getBoundingClientRect().right + 1;
    return [...some.children].filter((one) => one.getBoundingClientRect().right > end).length + KEYS - some.children.length;
  }

  const putBack = () => [button("primary", [icon("undo"), "Put back"], () => (model.restore(target()), after("restore")))];

  /** `fitting`: of the labels, so many have a button; the others stand in the menu. */
  function choices(fitting) {
    const some = model.labels.slice(0, fitting).map((label, at) =>
      button("label", [chipLike(label), el("kbd", {}, `${at + 1}`)], () => labelWith(at), { title: `${label.name}: key ${at + 1}` }));
    const one = !target().where && size() === 1 && model.why;
    return [one && button("", [icon("why"), "Why?"], () => model.why(target()[0]), { title: "Why this answer?" }), el("div.labels", {}, some), more(fitting), button("", [icon("bin"), "Delete"], remove, { title: "Delete key" })].filter(Boolean);
  }

  const chipLike = ({ name, color }) => el("span.mini", {}, el("i.dot", { style: { "--c": color } }), el("span.name", {}, name));

  function labelWith(at) {
    const label = model.labels[at];
    if (!label || !size() || trash()) return;
    model.label(target(), label.name);
    after("label");
  }

  function remove() {
    if (!size() || trash()) return;
    const gone = target();
    after("remove"); // before the pictures go: what follows them is still known
    model.remove(gone);
  }

  /** Labels without a button, a new one, none at all, and what the pictures are used for. */
  function more(from) {
    const option = (value, text) => el("option", { value }, text);
    const group = (label, ...options) => Object.assign(el("optgroup", {}, ...options), { label });
    const uses = { auto: "Darkroom decides", train: "Training", validation: "Validation", test: "Testing" };
    const menu = el("select", { title: "More to do with the selected pictures" }, option("", "More"),
      group("Label", model.labels.slice(from).map(({ name }, at) => option(`at ${at + from}`, name)),
        option("new", "New label\u2026"), option("none", "Take the label away")),
      group("Use for", Object.entries(uses).map(([value, text]) => option(`use ${value}`, text))));
    menu.onchange = () => {
      const [what, which] = menu.value.split(" ");
      menu.value = "";
      if (what === "new") return name(menu);
      if (what === "none") model.label(target(), null);
      if (what === "at") labelWith(Number(which));
      if (what === "use") model.split(target(), which);
      draw();
    };
    return menu;
  }

  function name(menu) {
    const input = el("input.new", { type: "text", placeholder: "New label, then Enter", maxLength: 100 });
    input.onkeydown = (event) => {
      event.stopPropagation();
      const name = input.value.trim();
      if (event.key === "Enter" && name) {
        model.label(target(), name);
        draw(true);
        after("named");
      }
      if (event.key === "Escape") draw(true);
    };
    menu.replaceWith(input);
    input.focus();
  }

  return { draw: () => draw(), labelWith, remove };
}
