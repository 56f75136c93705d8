// Changes of images on their way to the server: one queue a dataset, which outlives pages, reloads and lost answers.
//
// A change waits in localStorage until the server acknowledged it. It is sent with a token, again and again, so that
// it counts once. Changes go one after another: each names the revision that the one before it left behind.

const queues = new Map();
export function queueOf(kit, dataset) {
  if (!queues.has(dataset)) queues.set(dataset, new Queue(kit, dataset));
  return queues.get(dataset);
}

class Queue {
  constructor(kit, dataset) {
    this.kit = kit;
    this.dataset = dataset;
    this.prefix = `darkroom-change-${dataset}-`;
    this.revisions = new Map(); // image id -> newest revision that the server told
    this.actions = []; // ids of what was acknowledged here, for undo
    this.listeners = new Set();
    this.waiting = false; // the server does not answer just now
    this.entries = Object.keys(localStorage)
      .filter((key) => key.startsWith(this.prefix))
      .sort()
      .map((key) => ({ key, ...JSON.parse(localStorage.getItem(key)) }));
    this.run();
  }

  /** Says which revision a picture on the screen has. */
  saw(id, revision) {
    if (!(this.revisions.get(id) > revision)) this.revisions.set(id, revision);
  }

  /** With `more` {where, to} instead of changes: all that match. */
  push(kind, changes, more = {}) {
    const token = this.kit.token();
    const entry = { key: `${this.prefix}${Date.now()}-${String(this.entries.length).padStart(5, "0")}-${token}`, token, kind, changes, ...more };
    this.store(entry);
    this.entries.push(entry);
    this.tell();
    this.run();
  }

  /** Takes the last action back, once everything before it has arrived. */
  undo() {
    if (!this.canUndo) return;
    this.entries.push({ kind: "undo" });
    this.tell();
    this.run();
  }

  get canUndo() {
    const undos = this.entries.filter(({ kind }) => kind === "undo").length;
    return this.actions.length + this.entries.length - 2 * undos > 0;
  }

  /** What is on its way for an image, newest last: [{label?, deleted?, split?}]. */
  pending(id) {
    return this.entries.flatMap(({ changes = [] }) => changes.filter((change) => change.image_id === id));
  }

  store({ key, ...entry }) {
    try {
      localStorage.setItem(key, JSON.stringify(entry));
    } catch {
      // A full or forbidden storage: the change is still sent, only a closed tab would lose it.
    }
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
        outcome = entry.kind === "undo" ? await this.takeBack() : await this.send(entry);
      } catch (error) {
        refusal = error.message;
      }
      this.entries.shift();
      if (entry.key) localStorage.removeItem(entry.key);
      for (const { id, revision } of outcome?.images ?? []) this.revisions.set(id, revision);
      if (outcome && entry.kind !== "undo" && outcome.action_id !== null) this.actions.push(outcome.action_id);
      this.tell(outcome, entry, refusal);
    }
    this.running = false;
  }

  send(entry) {
    for (const change of entry.changes) change.revision ??= this.revisions.get(change.image_id) ?? null;
    this.store(entry); // as it is sent, so that a resend after a reload is the very same
    const { key, changes, ...rest } = entry;
    return this.persist(() => this.post(`/api/datasets/${this.dataset}/changes`, rest.where ? rest : { ...rest, changes }));
  }

  async takeBack() {
    const action = this.actions.pop();
    if (action === undefined) return null;
    let tries = 0;
    return this.persist(() => {
      tries += 1;
      return this.post(`/api/actions/${action}/undo`, {});
    }).catch((error) => {
      // "Already undone" on a second try means that the first one arrived and its answer was lost.
      if (tries > 1 && error instanceof this.kit.Refusal) return { action_id: null, changed: [], conflicts: [], images: [], stale: true };
      throw error;
    });
  }

  post(address, json) {
    return this.kit.ask(address, { method: "POST", json, keepalive: JSON.stringify(json).length < 60000 });
  }

  persist(attempt) {
    const waiting = (is) => {
      this.waiting = is;
      this.tell();
    };
    return this.kit.persist(attempt, { waiting });
  }
}
