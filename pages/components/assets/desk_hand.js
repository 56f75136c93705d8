// What both faces of the desk share: what a key does, and how a picture's state is named.

/** Keys that label, letters that find a label, and `keys`: what each other one does, called with the event. Gives its end. */
export function listen(place, labels, choose, keys) {
  place.onkeydown = (event) => {
    if (event.target.matches("input, select") || event.altKey) return;
    const command = event.ctrlKey || event.metaKey;
    const key = command ? `Ctrl ${event.key.toLowerCase()}` : event.key;
    if ((key === "Enter" || key === " ") && event.target.matches("button")) return;
    const name = !command && /^[1-9]$/.test(key) && labels.byKey(key);
    const letter = !command && /^\p{L}$/u.test(key);
    if (!keys[key] && !name && !letter) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.repeat && !key.startsWith("Arrow")) return; // a held key must not label a whole page
    if (name) choose(name);
    else if (letter) labels.begin(key);
    else keys[key](event);
  };
  return () => (place.onkeydown = null);
}

export const stateOf = (desk, id) =>
  desk.conflicts.has(id) ? "conflict" : desk.pending(id) ? "pending" : desk.shown(id).label ? "saved" : "open";

export const clashOf = ({ who, theirs, mine }) => `${who}: ${theirs ?? "no label"}. You: ${mine}.`;
