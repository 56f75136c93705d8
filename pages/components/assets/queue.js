// Changes of images on their way to the server: one queue a tab and dataset, which outlives pages, reloads and lost answers.
//
// A change waits in localStorage until the server acknowledged it. It is sent with a token, again and again, so that it
// counts once. Each names the revision of the picture that the person saw, or, after another change of the same picture
// that is still on its way, the revision that one will leave behind: what somebody else did in between is never
// overwritten without a word. The changes of a tab that was closed are sent by the next one that is open.

const queues = new Map();
export function queueOf(kit, dataset) {
  if (!queues.has(dataset)) queues.set(dataset, new Queue(kit, dataset));
  return queues.get(dataset);
}

// ---- tabs ------------------------------------------------------------------------------------------------
const ALIVE_MS = 2000; // a tab says so often that it is there
const GONE_MS = 180000; // one that said nothing for so long has crashed: hidden tabs are woken once a minute
const mark = (tab) => `darkroom-tab-${tab}`;
let tab = null;

/** This tab's name: the same after a reload, another in a duplicate of the tab. */
export function tabName(kit) {
  if (tab) return tab;
  tab = sessionStorage.getItem("darkroom-tab");
  if (!tab || isAlive(tab)) tab = kit.token().slice(0, 12);
  sessionStorage.setItem("darkroom-tab", tab);
  const beat = () => keep(mark(tab), String(Date.now()));
  beat();
  setInterval(beat, ALIVE_MS);
  addEventListener("pagehide", () => localStorage.removeItem(mark(tab)));
  addEventListener("pageshow", beat);
  return tab;
}

const isAlive = (name) => Date.now() - Number(localStorage.getItem(mark(name)) ?? 0) < GONE_MS;

function keep(key, text) {
  try {
    localStorage.setItem(key, text);
  } catch {
    // A full or forbidden storage: the change is still sent, only a closed tab would lose it.
  }
}

const stored = (prefix) => Object.keys(localStorage).filter((key) => key.startsWith(prefix)).sort();

// ---- the queue -------------------------------------------------------------------------------------------
const UNDO_DEPTH = 200;
const ADOPT_MS = 5000;

class Queue {
  constructor(kit, dataset) {
    this.kit = kit;
    this.dataset = dataset;
    this.all = `darkroom-change-${dataset}-`;
    this.prefix = `${this.all}${tabName(kit)}-`;
    this.memory = `darkroom-undo-${dataset}`;
    this.history = JSON.parse(sessionStorage.getItem(this.memory) ?? "[]"); // [{token, ids}], for undo
    this.revisions = new Map(); // image id -> newest revision that the person saw
    this.under = new Map(); // image id -> what is on its way for it, oldest first
    this.listeners = new Set();
    this.waiting = false; // the server does not answer just now
    this.entries = [];
    this.number = 0;
    stored(this.prefix).forEach((key) => this.take(key));
    this.missing = new Set(); // tabs with changes left behind, that were not there at the last look either
    setInterval(() => this.adopt(), ADOPT_MS);
    this.run();
  }

  take(key) {
    const entry = { key, ...JSON.parse(localStorage.getItem(key)) };
    this.number = Math.max(this.number, Number(key.split("-").at(-1)));
    this.enter(entry);
  }

  enter(entry) {
    this.entries.push(entry);
    for (const change of entry.changes) {
      if (!this.under.has(change.image_id)) this.under.set(change.image_id, []);
      this.under.get(change.image_id).push({ change, entry });
    }
  }

  leave(entry) {
    this.entries.splice(this.entries.indexOf(entry), 1);
    for (const { image_id } of entry.changes) {
      const rest = this.under.get(image_id).filter((one) => one.entry !== entry);
      if (rest.length) this.under.set(image_id, rest);
      else this.under.delete(image_id);
    }
  }

  /** Takes over what tabs that are no longer there have left; twice missing, so that one that reloads keeps its own. */
  adopt() {
    const left = stored(this.all).filter((key) => !key.startsWith(this.prefix) && !isAlive(key.slice(this.all.length).split("-")[0]));
    const tabs = new Set(left.map((key) => key.slice(0, key.lastIndexOf("-"))));
    for (const key of left) {
      const gone = this.missing.has(key.slice(0, key.lastIndexOf("-")));
      if (gone && !this.entries.some((entry) => entry.key === key)) this.take(key);
    }
    this.missing = tabs;
    if (this.entries.length) this.run();
  }

  /** Says which revision of a picture the person sees. */
  saw(id, revision) {
    if (!(this.revisions.get(id) > revision)) this.revisions.set(id, revision);
  }

  /** The revision that a change made now is about. */
  expected(id) {
    const own = (this.under.get(id) ?? []).filter(({ entry }) => entry.key.startsWith(this.prefix));
    const last = own.at(-1)?.change.revision;
    return last === undefined || last === null ? this.revisions.get(id) ?? null : last + 1;
  }

  push(kind, changes, more = {}) {
    const about = changes.map((change) => ({ ...change, revision: this.expected(change.image_id) }));
    const entry = this.add({ kind, changes: about, ...more });
    this.remember([...this.history, { token: entry.token, ids: about.map(({ image_id }) => image_id) }]);
    this.tell();
    this.run();
    return entry;
  }

  /** Takes this tab's last action back, once everything before it has arrived. Gives the ids of its pictures. */
  undo() {
    const last = this.history.at(-1);
    if (!last) return [];
    this.remember(this.history.slice(0, -1));
    this.add({ kind: "undo", of: last.token, changes: last.ids.map((image_id) => ({ image_id, revision: this.expected(image_id) })) });
    this.tell();
    this.run();
    return last.ids;
  }

  add(what) {
    this.number += 1;
    const entry = { key: `${this.prefix}${String(this.number).padStart(12, "0")}`, token: this.kit.token(), ...what };
    this.store(entry);
    this.enter(entry);
    return entry;
  }

  remember(history) {
    this.history = history.slice(-UNDO_DEPTH);
    try {
      sessionStorage.setItem(this.memory, JSON.stringify(this.history));
    } catch {
      // Undo reaches back to the last reload only.
    }
  }

  get canUndo() {
    return this.history.length > 0;
  }

  /** What is on its way for an image, newest last: [{label?, deleted?, split?}]. What an undo brings back is not known. */
  pending(id) {
    return (this.under.get(id) ?? []).map(({ change }) => change);
  }

  store({ key, ...entry }) {
    keep(key, JSON.stringify(entry));
  }

  tell(outcome, entry, refusal) {
    for (const listener of this.listeners) listener({ outcome, entry, refusal });
  }

  async run() {
    if (this.running) return;
    this.running = true;
    for (let entry; (entry = this.entries[0]); ) {
      let outcome = null, refusal = null;
      try {
        outcome = await this.send(entry);
      } catch (error) {
        refusal = error.message;
        this.remember(this.history.filter(({ token }) => token !== entry.token));
      }
      this.settle(entry, outcome);
      this.leave(entry);
      localStorage.removeItem(entry.key);
      this.tell(outcome, entry, refusal);
    }
    this.running = false;
  }

  /** What the same tab still has on its way for the same pictures follows what really became of this entry. */
  settle(entry, outcome) {
    const now = new Map((outcome?.images ?? []).map(({ id, revision }) => [id, revision]));
    const clash = new Set(outcome?.conflicts ?? []);
    for (const [id, revision] of now) this.revisions.set(id, revision);
    const touched = new Set();
    for (const { image_id, revision } of entry.changes) {
      const after = clash.has(image_id) || !now.has(image_id) ? revision : now.get(image_id);
      const from = entry.key.slice(0, entry.key.lastIndexOf("-"));
      const later = this.under.get(image_id).filter((one) => one.entry !== entry && one.entry.key.startsWith(from));
      later.forEach(({ change }, step) => {
        if (after === null || change.revision === after + step) return;
        change.revision = clash.has(image_id) ? after : after + step; // after a conflict it is one as well
        touched.add(change);
      });
    }
    if (touched.size) this.entries.filter((other) => other.changes.some((change) => touched.has(change))).forEach((other) => this.store(other));
  }

  send({ key, kind, of, ...rest }) {
    const at = `/api/datasets/${this.dataset}`;
    const { token, changes, threshold, model, without, ...more } = rest;
    if (kind === "undo") return this.persist(`${at}/undo`, { of, token });
    if (kind === "accept") return this.persist(`${at}/accept`, { token, threshold, model, without });
    const sent = changes.length ? { changes } : {}; // else what it is about stands in a filter
    return this.persist(`${at}/changes`, { kind, token, ...more, ...sent });
  }

  persist(address, json) {
    const waiting = (is) => {
      this.waiting = is;
      this.tell();
    };
    const keepalive = JSON.stringify(json).length < 60000;
    return this.kit.persist(() => this.kit.ask(address, { method: "POST", json, keepalive }), { waiting });
  }
}
