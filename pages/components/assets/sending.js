// How files leave the browser: what a drop holds, batches, and sending that outlives a lost connection, a page of
// Darkroom that is left, and (by asking the server what has arrived) a reload.

const ASKED_AT_ONCE = 500; // files the server is asked about in one request
const BATCH_FILES = 64;
const BATCH_BYTES = 4 << 20;
const WORKERS = 4;
const SIDE_FILE = /(^|\/)(\.[^/]*|__MACOSX|Thumbs\.db|desktop\.ini|ehthumbs\.db)(\/|$)/i;

export const isArchive = ({ file, path }) => /\.zip$/i.test(path) && !path.includes("/") && file.size > 0;

/** Everything a drop holds, with the folders' names: [{file, path}]. Call it in the drop event itself. */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const handles = [...transfer.items].map((item) => item.getAsFileSystemHandle?.()).filter(Boolean);
  const plain = [...transfer.files].map((file) => ({ file, path: file.name }));
  if (!entries.length) return plain;
  const found = [];
  for (const entry of entries) await walk(entry, found);
  const kept = await Promise.all(handles).catch(() => []);
  return Object.assign(found, { handles: kept.filter(Boolean) });
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((done, fail) => entry.file(done, fail)).catch(() => null);
    if (file) found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader(); // gives 100 entries at most a call
  for (let some; (some = await new Promise((done) => reader.readEntries(done, () => done([])))).length; ) {
    for (const child of some) await walk(child, found);
  }
}

/** Files of an <input>, with the folders' names where a folder was chosen. */
export const chosen = (input) => [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

/** {archives, pictures, skipped, bytes, name, handles}: side files are counted, not sent; `name` is the folder's or zip's. */
export function sorted(found) {
  const wanted = found.filter(({ path }) => !SIDE_FILE.test(path));
  const tops = new Set(wanted.map(({ path }) => path.split("/")[0]));
  const [top] = tops;
  const named = tops.size === 1 && (wanted[0].path.includes("/") || isArchive(wanted[0]));
  return {
    archives: wanted.filter(isArchive),
    pictures: wanted.filter((item) => !isArchive(item)),
    skipped: found.length - wanted.length,
    bytes: wanted.reduce((sum, { file }) => sum + file.size, 0),
    handles: found.handles ?? [],
    name: named ? top.replace(/\.zip$/i, "").replace(/[_-]+/g, " ").trim() : "",
  };
}

export function batches(items) {
  const made = [];
  let batch = [], bytes = 0;
  for (const item of items) {
    if (batch.length && (batch.length === BATCH_FILES || bytes + item.file.size > BATCH_BYTES)) {
      made.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += item.file.size;
  }
  if (batch.length) made.push(batch);
  return made;
}

/** u32 length of the head | head as JSON [{path, place where there is one, size}] | the bytes in order. */
export function packed(batch) {
  const head = new TextEncoder().encode(JSON.stringify(batch.map(({ file, path, place }) => ({ path, place, size: file.size }))));
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, head.length, true);
  return new Blob([length, head, ...batch.map(({ file }) => file)]);
}

/** A file that was moved or deleted meanwhile fails a request as a lost connection does; this tells them apart. */
async function readable(batch) {
  const checks = batch.map(({ file }) => file.slice(0, 1).arrayBuffer().then(() => true, () => false));
  const fine = await Promise.all(checks);
  return batch.filter((_, at) => fine[at]);
}

/** Those of the files that the server has not got whole. */
export async function missing(kit, upload, items, { signal, waiting, tries }) {
  const left = [];
  for (let at = 0; at < items.length; at += ASKED_AT_ONCE) {
    const some = items.slice(at, at + ASKED_AT_ONCE);
    const files = some.map(({ file, path }) => [path, file.size]);
    const ask = () => kit.ask(`/api/uploads/${upload}/missing`, { method: "POST", json: { files }, signal });
    left.push(...(await kit.persist(ask, { signal, waiting, tries })).missing.map((place) => some[place]));
  }
  return left;
}

/** Sends everything. `moved(files, bytes)` after each acknowledged piece; `gone(items)` for files that vanished. */
export async function send(kit, upload, { archives, pictures }, { signal, waiting, moved, gone }) {
  for (const archive of archives) await sendArchive(kit, upload, archive, { signal, waiting, moved });
  const queue = batches(pictures);
  const work = async () => {
    for (let batch; (batch = queue.shift()) && !signal.aborted; ) {
      await sendBatch(kit, upload, batch, { signal, waiting, moved, gone });
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
}

const sizeOf = (items) => items.reduce((sum, { file }) => sum + file.size, 0);

async function sendBatch(kit, upload, batch, { signal, waiting, moved, gone }) {
  let failed = false;
  const arrived = (left) => {
    moved(batch.length - left.length, sizeOf(batch) - sizeOf(left));
    batch = left;
  };
  const attempt = async () => {
    // The batch, or part of it, may have arrived although its answer did not: that part is not sent again.
    if (failed) arrived(await missing(kit, upload, batch, { signal, tries: 1 }));
    failed = true;
    if (!batch.length) return;
    try {
      await kit.ask(`/api/uploads/${upload}/batch`, { method: "POST", body: packed(batch), signal });
    } catch (error) {
      const left = await readable(batch);
      if (left.length < batch.length) {
        gone(batch.filter((item) => !left.includes(item)));
        batch = left;
        if (!batch.length) return;
      }
      throw error;
    }
  };
  await kit.persist(attempt, { signal, waiting });
  arrived([]);
}

async function sendArchive(kit, upload, { file, path }, { signal, waiting, moved }) {
  const address = `/api/uploads/${upload}/archive?name=${encodeURIComponent(path)}`;
  let at = 0;
  const reached = ({ size }) => {
    moved(0, size - at);
    at = size;
  };
  const step = async () => {
    const end = Math.min(file.size, at + BATCH_BYTES);
    const last = end === file.size ? "&last=1" : "";
    try {
      reached(await kit.ask(`${address}&offset=${at}${last}`, { method: "PUT", body: file.slice(at, end), signal }));
      return last !== "";
    } catch (error) {
      // The chunk may have arrived although its answer did not: the server knows how far it is.
      await kit.ask(address, { signal }).then(reached, () => {});
      throw error;
    }
  };
  reached(await kit.persist(() => kit.ask(address, { signal }), { signal, waiting }));
  while (!(await kit.persist(step, { signal, waiting })));
  moved(1, 0);
}

// ---- one upload on its way ------------------------------------------------------------------------------

const running = new Map(); // memory -> Sending
/** What this tab is sending for that place, whether or not anybody looks. */
export const sendingOf = (memory) => running.get(memory);

const lockName = (upload) => `darkroom-upload-${upload}`;
/** Another tab sends this upload just now. Where the browser cannot tell, no. */
export async function sentElsewhere(upload) {
  const { held = [] } = (await navigator.locks?.query()) ?? {};
  return held.some(({ name }) => name === lockName(upload));
}

/** Files on their way. It goes on when its view is unmounted; a view that comes back watches it again. */
export class Sending {
  files = 0;
  bytes = 0;
  vanished = [];
  waiting = false;
  watch = () => {}; // called after every change

  constructor(kit, memory, what, upload = null) {
    Object.assign(this, { kit, memory, what, upload, begun: performance.now(), control: new AbortController() });
    running.get(memory)?.stop();
    running.set(memory, this);
    addEventListener("beforeunload", this.warn);
  }

  warn = (event) => event.preventDefault(); // only this tab has the bytes

  /** The upload's id, once everything has arrived. `open()` asks for an upload when there is none yet. */
  async run(open) {
    const { signal } = this.control;
    const options = { signal, waiting: (is) => this.change({ waiting: is }) };
    try {
      const known = this.upload !== null;
      this.upload ??= await this.kit.persist(() => open(signal), options);
      remember(this.memory, this.upload, this.what.handles);
      const sent = { ...options, moved: (n, size) => this.change({ files: this.files + n, bytes: this.bytes + size }) };
      sent.gone = (items) => this.change({ vanished: [...this.vanished, ...items] });
      await locked(this.upload, async () => {
        await send(this.kit, this.upload, known ? await this.rest(options) : this.what, sent);
        const finish = () => this.kit.ask(`/api/uploads/${this.upload}/finish`, { method: "POST", signal });
        await this.kit.persist(finish, options);
      });
      return this.upload;
    } finally {
      this.stop();
    }
  }

  /** What the server has not got, of an upload that was interrupted. */
  async rest(options) {
    const { archives, pictures } = this.what;
    const all = [...archives, ...pictures];
    const left = new Set(await missing(this.kit, this.upload, all, options));
    if (left.size === all.length && this.expected) throw new OtherFiles();
    this.change({ files: all.length - left.size, bytes: this.what.bytes - sizeOf([...left]) });
    return { archives: archives.filter((one) => left.has(one)), pictures: pictures.filter((one) => left.has(one)) };
  }

  change(values) {
    Object.assign(this, values);
    this.watch();
  }

  stop() {
    this.control.abort();
    removeEventListener("beforeunload", this.warn);
    if (running.get(this.memory) === this) running.delete(this.memory);
  }
}

export class OtherFiles extends Error {}

const locked = (upload, work) => (navigator.locks ? navigator.locks.request(lockName(upload), work) : work());

// ---- what outlives a reload -----------------------------------------------------------------------------

/** Which upload this browser is at, and (in Chromium) where its files are, so that nobody must drop them again. */
export function remember(memory, upload, handles = []) {
  localStorage.setItem(memory, upload);
  if (handles.length) stored("readwrite", (store) => store.put(handles, memory)).catch(() => {});
}
export const remembered = (memory) => localStorage.getItem(memory);
export function forget(memory) {
  localStorage.removeItem(memory);
  stored("readwrite", (store) => store.delete(memory)).catch(() => {});
}
export const handlesOf = (memory) => stored("readonly", (store) => store.get(memory)).then((found) => found ?? [], () => []);

function stored(mode, act) {
  return new Promise((done, fail) => {
    const opening = indexedDB.open("darkroom", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("handles");
    opening.onerror = () => fail(opening.error);
    opening.onsuccess = () => {
      const request = act(opening.result.transaction("handles", mode).objectStore("handles"));
      request.onsuccess = () => (opening.result.close(), done(request.result));
      request.onerror = () => (opening.result.close(), fail(request.error));
    };
  });
}

/** The browser lets us read them: already, or (in a click) after asking the visitor. */
export async function permitted(handles, ask) {
  for (const handle of handles) {
    const state = await handle[ask ? "requestPermission" : "queryPermission"]({ mode: "read" });
    if (state !== "granted") return false;
  }
  return handles.length > 0;
}

/** [{file, path}] of handles kept from a drop. */
export async function reread(handles) {
  const found = [];
  for (const handle of handles) await walkHandle(handle, handle.name, found);
  return Object.assign(found, { handles });
}

async function walkHandle(handle, path, found) {
  if (handle.kind === "file") return void found.push({ file: await handle.getFile(), path });
  for await (const [name, child] of handle.entries()) await walkHandle(child, `${path}/${name}`, found);
}
