// The page of a link to share: one model, pictures in, answers out. The secret stands behind the # of the address, which
// browsers send to no server; it goes in a header, to two addresses of ours and nowhere else.
import { ask, button, chip, el, icon, notice, percent } from "/assets/kit.js";

const main = document.querySelector("main");
const SIDE = 1600; // px; a phone's photograph is sent no larger
const secret = location.hash.slice(1);
const headers = { Authorization: `Bearer ${secret}` };

addEventListener("hashchange", () => location.reload());
begin().catch((error) => main.replaceChildren(el("h1", {}, "Nothing to try here"), notice(error.message)));

async function begin() {
  if (!secret) throw new Error("This link is not whole. Copy it again, to its very end.");
  const model = await ask("/api/share", { headers, credentials: "omit" });
  document.title = `Try ${model.title}`;
  const pick = el("input", { type: "file", accept: "image/*", hidden: true, onchange: () => (take(pick.files[0]), (pick.value = "")) });
  const shoot = el("input", { type: "file", accept: "image/*", hidden: true, onchange: () => (take(shoot.files[0]), (shoot.value = "")) });
  shoot.setAttribute("capture", "environment");
  const area = el("section.drop", {}, el("h3", {}, "What does your picture show?"),
    el("div.row", {}, button("primary", [icon("camera"), "Take a photo"], () => shoot.click()), button("", "Choose a picture", () => pick.click())),
    el("p.quiet", {}, "Or drop or paste one. It is answered and not kept."));
  const answers = el("div", { role: "status" });
  main.replaceChildren(el("div", {}, el("h1", {}, model.title), el("p.quiet", {}, model.sentence)),
    el("div.labels", {}, model.labels.slice(0, 24).map((name) => chip(name, "var(--quiet)")), model.labels.length > 24 ? el("span.quiet", {}, `and ${model.labels.length - 24} more`) : null),
    area, pick, shoot, answers);

  addEventListener("dragover", (event) => (event.preventDefault(), area.classList.add("over")));
  addEventListener("dragleave", () => area.classList.remove("over"));
  addEventListener("drop", (event) => (event.preventDefault(), area.classList.remove("over"), take(event.dataTransfer.files[0])));
  document.addEventListener("paste", (event) => take(event.clipboardData?.files[0]));

  let shown = "";
  async function take(file) {
    if (!file) return;
    URL.revokeObjectURL(shown);
    shown = URL.createObjectURL(file);
    const picture = el("img", { src: shown, alt: "Your picture" });
    const body = el("div", {}, el("div.skeleton"));
    answers.replaceChildren(el("article.answer", {}, picture, body));
    answers.scrollIntoView({ block: "nearest", behavior: "smooth" });
    try {
      const said = await ask("/api/share/predict", { method: "POST", body: await smaller(file), headers: { ...headers, "Content-Type": "application/octet-stream" }, credentials: "omit" });
      if (picture.src === shown) body.replaceWith(...answer(said));
    } catch (error) {
      body.replaceWith(notice(error.message));
    }
  }
}

const answer = ({ label, confidence, ranked, verdict_words: doubt }) => [
  doubt ? notice(doubt) : null,
  el("div.verdict", {}, el("span", {}, label), el("span", {}, `${Math.floor(100 * confidence + 1e-9)} %`)),
  ...ranked.map((one) => el("div.rank", {}, el("span.name", { title: one.label }, one.label),
    el("span.track", {}, el("i", { style: { width: `${100 * one.confidence}%` } })), el("span.share", {}, percent(one.confidence)))),
].filter(Boolean);

/** The picture itself, or a smaller copy of a large one; what this browser cannot draw is sent as it is. */
async function smaller(file) {
  const drawn = await createImageBitmap(file).catch(() => null);
  const scale = drawn ? SIDE / Math.max(drawn.width, drawn.height) : 1;
  if (scale >= 1) return file;
  const canvas = new OffscreenCanvas(Math.round(drawn.width * scale), Math.round(drawn.height * scale));
  canvas.getContext("2d").drawImage(drawn, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
}
