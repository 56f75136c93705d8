// Suggestions that are sure enough, accepted together: how many at which threshold, the least sure ones to look at first.

const LOOK_MS = 600;

export function sureBar(desk) {
  const { el, button, plural, percent, ask } = desk.kit;
  let found = null, key = "", timer = 0;
  const without = new Set();
  const slider = el("input.threshold", { type: "range", min: 50, max: 99, value: 95, "aria-label": "How sure the model must be, in percent" });
  const summary = el("summary");
  const least = el("div.least");
  const accept = button("primary", "", () => {
    desk.accept(Number(slider.value), found.model, [...without]);
    node.open = false;
  });
  const level = el("span.level");
  const node = el("details.sure", {}, summary, el("div.sure-body", {},
    el("label", {}, el("span", {}, "At least ", level, " sure"), slider), accept,
    el("p.quiet", {}, "The least sure of them come first. Click one to leave it out. It is one step, and one Undo takes it back."), least));
  node.hidden = true;

  const many = () => Math.max(0, (found?.counts[Number(slider.value)] ?? 0) - without.size);

  function paint() {
    const n = many();
    node.hidden = !found?.model || !found.counts[50];
    level.textContent = `${slider.value} %`;
    summary.textContent = `Accept ${plural(n, "suggestion")} above ${slider.value} %`;
    accept.textContent = summary.textContent;
    accept.disabled = !n;
    least.replaceChildren(...(found?.least ?? []).map((image) => {
      const one = el("button.one", { type: "button", title: image.name, onclick: () => (without.has(image.id) ? without.delete(image.id) : without.add(image.id), paint()) },
        el("img", { src: `/api/images/${image.id}/thumb`, alt: image.name }), el("span.name", {}, `${image.suggestion} ${percent(image.confidence)}`));
      one.setAttribute("aria-pressed", !without.has(image.id));
      return one;
    }));
  }

  async function load() {
    try {
      found = await ask(`/api/datasets/${desk.data.dataset_id}/sure?threshold=${slider.value}`);
      const there = new Set(found.least.map(({ id }) => id));
      for (const id of [...without]) if (!there.has(id)) without.delete(id);
    } catch {
      return; // asked again with the next news
    }
    paint();
  }

  slider.oninput = () => {
    without.clear();
    paint();
    clearTimeout(timer);
    timer = setTimeout(load, LOOK_MS);
  };

  return {
    node,
    /** The model, or what waits for a label, may be another now. */
    look(folder, waiting) {
      const now = `${folder} ${waiting}`;
      if (now === key) return;
      key = now;
      clearTimeout(timer);
      timer = setTimeout(load, LOOK_MS);
    },
  };
}
