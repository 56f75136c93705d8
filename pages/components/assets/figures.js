// Figures made on the server, painted with the theme's inks. The same Plotly charts take the newer numbers in place.

const INKS = { dark: { ink: "#F3EDE4", quiet: "#A39B91", paper: "#2E2925" }, light: { ink: "#1D1A17", quiet: "#6E665C", paper: "#FFFFFF" } };

export async function mount(kit, context) {
  const { el, notice } = kit;
  const { borrowRules, load } = await import(context.at("charts.js"));
  const charts = []; // one a figure, kept as long as the component
  const row = el("div.charts"), trouble = el("div", { hidden: true });
  context.root.replaceChildren(trouble, row);
  let Plotly = null;
  let data = context.data;
  load(context.at("plotly.js")).then((library) => {
    Plotly = library;
    borrowRules(context.root.getRootNode());
    paint();
  }).catch((error) => {
    trouble.replaceChildren(notice(error.message));
    trouble.hidden = false;
  });

  function figure() {
    const title = el("h4"), help = el("p.help.quiet"), plot = el("div.plot");
    const node = el("figure", {}, el("figcaption", {}, title), help, el("div.area", {}, plot));
    row.append(node);
    return { node, title, help, plot, listens: false };
  }

  function paint() {
    while (charts.length > data.figures.length) remove(charts.pop());
    data.figures.forEach((what, at) => {
      const chart = (charts[at] ??= figure());
      chart.title.textContent = what.title;
      chart.help.textContent = what.help;
      chart.plot.parentElement.style.height = `${what.height}px`;
      chart.plot.style.minWidth = `${what.least_width ?? 0}px`; // narrower it could not be read; a phone scrolls it
      chart.node.classList.toggle("wide", Boolean(what.wide));
      if (Plotly) draw(chart, what);
    });
  }

  function draw(chart, what) {
    const inks = INKS[context.root.dataset.theme], family = getComputedStyle(context.root).fontFamily;
    const axis = { gridcolor: "rgba(138,131,123,0.2)", zeroline: false, color: inks.ink, tickfont: { size: 12, color: inks.quiet }, automargin: true };
    const layout = inked({
      showlegend: false, hovermode: "closest", hoverdistance: 30, autosize: true, height: what.height, paper_bgcolor: "transparent", plot_bgcolor: "transparent",
      dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", margin: { l: 52, r: 16, t: 18, b: 44 }, ...what.layout,
      font: { family, color: inks.ink, size: 13 },
      hoverlabel: { bgcolor: inks.paper, bordercolor: inks.quiet, align: "left", font: { family, size: 13, color: inks.ink } },
      xaxis: { ...axis, ...what.layout.xaxis }, yaxis: { ...axis, ...what.layout.yaxis },
      modebar: { bgcolor: "transparent", color: inks.quiet, activecolor: inks.ink },
    }, inks);
    Plotly.react(chart.plot, inked(what.traces, inks), layout, { displaylogo: false, responsive: true, modeBarButtons: [["resetScale2d", "toImage"]] });
    if (chart.listens) return;
    chart.listens = true;
    chart.plot.on("plotly_click", ({ points: [point] }) => Number.isInteger(point.customdata) && context.trigger("opened", { number: point.customdata }));
  }

  /** A copy with the words "ink", "quiet" and "paper" as the theme's colours: Plotly keeps and changes what it is given. */
  function inked(value, inks) {
    if (Array.isArray(value)) return value.map((one) => inked(one, inks));
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, key.endsWith("color") && inks[one] ? inks[one] : inked(one, inks)]));
    return value;
  }

  function remove(chart) {
    Plotly?.purge(chart.plot);
    chart.node.remove();
  }

  paint();
  return {
    update(next) {
      data = next;
      paint();
    },
    stop() {
      charts.forEach(remove);
    },
  };
}
