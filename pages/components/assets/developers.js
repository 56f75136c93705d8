// The HTTP API's own page: how to begin, examples, a place to try it, and every door. All of it from the OpenAPI document.
import { button, el, notice } from "/assets/kit.js";

const main = document.querySelector("main");
const shape = { token: "", model: "1" };

begin().catch((error) => main.append(notice(error.message)));

async function begin() {
  const answer = await fetch("/api/v1/openapi.json");
  if (!answer.ok) throw new Error("The server does not say what it offers. Reload the page in a moment.");
  const found = await answer.json();
  document.querySelector("#about").textContent = `Send a picture, get its label. ${found.info.description}`;
  const samples = found.paths["/api/v1/models/{id}/predict"].post["x-codeSamples"];
  const shown = examples(samples);
  main.append(
    el("h2", {}, "Begin"),
    el("ol.steps", {},
      el("li", {}, "Make a token on the ", el("a", { href: "/system" }, "System page"), ", or with ", el("code", {}, "python -m core tokens --make NAME"), "."),
      el("li", {}, "Put it into the variable ", el("code", {}, "DARKROOM_TOKEN"), "."),
      el("li", {}, "Give one of these the path of a picture.")),
    el("h2", {}, "Examples"), shown.node,
    el("h2", {}, "Try it here"), trial(shown),
    el("h2", {}, "Every address"),
    ...Object.entries(found.paths).flatMap(([path, verbs]) => Object.entries(verbs).map(([verb, door]) => describe(found, path, verb, door))),
    el("p.quiet", {}, "For programs that make clients: ", el("a", { href: "/api/v1/openapi.json" }, "the OpenAPI document"), "."));
}

// ---- examples ------------------------------------------------------------------------------------------

function examples(samples) {
  const code = el("code");
  const copy = button("plain.copy", "Copy", async () => {
    await navigator.clipboard.writeText(code.textContent).then(() => (copy.textContent = "Copied"), () => (copy.textContent = "Select and copy it"));
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  });
  let at = 0;
  const tabs = samples.map(({ label }, place) => button("", label, () => show(place), { role: "tab" }));
  function show(place = at) {
    at = place;
    tabs.forEach((tab, n) => tab.setAttribute("aria-selected", n === at));
    code.textContent = samples[at].source.replaceAll("MODEL", shape.model);
  }
  show();
  return { node: el("div", {}, el("div.tabs", { role: "tablist" }, tabs, copy), el("pre", {}, code)), show };
}

// ---- trying it -----------------------------------------------------------------------------------------

function trial(shown) {
  const token = el("input", { type: "password", autocomplete: "off", placeholder: "darkroom_1_...", spellcheck: false });
  const model = el("select", { disabled: true }, el("option", {}, "Give a token first"));
  const file = el("input", { type: "file", accept: "image/*" });
  const said = el("pre", { hidden: true, role: "status" });
  const send = button("primary", "Send", ask, { disabled: true });
  const ready = () => (send.disabled = model.disabled || !file.files.length);

  function tell(content) {
    said.hidden = false;
    said.textContent = typeof content === "string" ? content : JSON.stringify(content, null, 2);
  }
  async function call(path, options = {}) {
    const answer = await fetch(path, { ...options, credentials: "omit", headers: { Authorization: `Bearer ${token.value.trim()}` } });
    return { ok: answer.ok, found: await answer.json() };
  }
  token.onchange = async () => {
    model.disabled = true;
    const { ok, found } = await call("/api/v1/models").catch(() => ({ found: { error: "The server does not answer." } }));
    if (!ok) return tell(found.error), ready();
    model.replaceChildren(...found.models.map((one) => el("option", { value: one.id }, `${one.id}: ${one.dataset}, ${one.kind}`)));
    if (!found.models.length) return tell("There is no model yet. Add pictures with at least two labels first.");
    said.hidden = true;
    model.disabled = false;
    model.onchange();
  };
  model.onchange = () => {
    shape.model = model.value;
    shown.show();
    ready();
  };
  file.onchange = ready;
  async function ask() {
    send.disabled = true;
    const body = new FormData();
    body.append("file", file.files[0]);
    const { found } = await call(`/api/v1/models/${model.value}/predict`, { method: "POST", body }).catch(() => ({ found: "The server does not answer. Try again in a moment." }));
    tell(found);
    ready();
  }
  return el("div.try", {}, el("div.fields", {},
    el("label", {}, "Token", token), el("label", {}, "Model", model), el("label", {}, "Picture", file)), el("div.row", {}, send), said);
}

// ---- the reference -------------------------------------------------------------------------------------

function describe(found, path, verb, door) {
  const rows = (pairs) => el("dl", {}, pairs.flatMap(([name, words]) => [el("dt", {}, name), el("dd", {}, words)]));
  const schema = door.responses["200"].content["application/json"].schema.$ref.split("/").pop();
  const { properties } = found.components.schemas[schema];
  const wishes = (door.parameters ?? []).map(({ name, description, schema: kind }) =>
    [name, kind.default === undefined ? description : `${description} Unless said otherwise: ${kind.default}.`]);
  return el("section.door", {},
    el("h3", {}, el("span.method", {}, verb.toUpperCase()), path),
    el("p", {}, [door.summary, door.description].filter(Boolean).join(". ")),
    ...(wishes.length ? [el("h4", {}, "You may say"), rows(wishes)] : []),
    el("h4", {}, "It answers"), rows(Object.entries(properties).map(([name, kind]) => [name, kind.description ?? words(kind)])),
    el("h4", {}, "Or, with a sentence in \u201cerror\u201d"), rows(Object.entries(door.responses).filter(([code]) => code !== "200").map(([code, { description }]) => [code, description])));
}

const words = (kind) => kind.enum?.join(" or ") ?? (kind.type === "array" ? "a list" : kind.maximum === 1 ? "from 0 to 1" : kind.type === "string" ? "a text" : kind.type === "integer" ? "a whole number" : "a number");
