// Who somebody is to the others who work here: a name said once. Every request of this browser carries it as a cookie,
// which is how the server knows it (core/people.py).

const COOKIE = "darkroom-name";
const YEAR_S = 31536000;
const LONGEST = 40;

function known() {
  const found = document.cookie.split("; ").find((one) => one.startsWith(`${COOKIE}=`));
  try {
    return decodeURIComponent(found?.slice(COOKIE.length + 1) ?? "");
  } catch {
    return ""; // not written by us
  }
}

const keep = (name) => (document.cookie = `${COOKIE}=${encodeURIComponent(name)}; path=/; max-age=${name ? YEAR_S : 0}; samesite=lax`);

/** A button with the name; pressed, a field to say it. `said(name)` once it is another; `left()` when the field closes. */
export function person({ el, button, icon }, said, left) {
  const node = el("div.person");
  const input = el("input", { type: "text", maxLength: LONGEST, placeholder: "Your name", "aria-label": "Your name, for the others who work here" });
  const form = el("form", {}, input, el("button.primary", { type: "submit" }, "Save"), button("plain", "Cancel", () => close()),
    el("p.quiet", {}, "Stands beside what you change, for everybody who works here. Kept in this browser."));
  form.onsubmit = (event) => {
    event.preventDefault();
    const name = input.value.trim(), before = known();
    keep(name);
    close();
    if (name !== before) said(name);
  };
  form.onkeydown = (event) => {
    event.stopPropagation(); // letters of a name are no labels
    if (event.key === "Escape") close();
  };

  function close() {
    const name = known();
    const open = button("plain.who", [icon("person"), el("span.name", {}, name || "You")], () => {
      input.value = known();
      node.replaceChildren(open, form);
      input.focus();
    }, { title: name ? "The others see this name beside what you change" : "Tell the others who you are", "aria-label": name ? `You are ${name}` : "Say your name" });
    node.replaceChildren(open);
    left();
  }

  if (known()) keep(known()); // for another year
  close();
  return { node };
}
