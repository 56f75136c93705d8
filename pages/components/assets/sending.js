// How files leave the browser: what a drop holds, batches, and sending that outlives a lost connection.

const BATCH_FILES = 64;
const BATCH_BYTES = 4 << 20;
const WORKERS = 4;
const SIDE_FILE = /(^|\/)(\.[^/]*|__MACOSX|Thumbs\.db|desktop\.ini|ehthumbs\.db)(\/|$)/i;

export const isArchive = ({ file, path }) => /\.zip$/i.test(path) && !path.includes("/") && file.size > 0;

/** Everything a drop holds, with the folders' names: [{file, path}]. Call it in the drop event itself. */
export async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...transfer.files].map((file) => ({ file, path: file.name }));
  if (!entries.length) return plain;
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
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

/** {archives, pictures, skipped, bytes, name}: side files are counted, not sent; `name` is the folder's or zip's. */
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

/** u32 length of the head | head as JSON [{path, size}] | the bytes in order. */
export function packed(batch) {
  const head = new TextEncoder().encode(JSON.stringify(batch.map(({ file, path }) => ({ path, size: file.size }))));
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

async function sendBatch(kit, upload, batch, { signal, waiting, moved, gone }) {
  const attempt = async () => {
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
  moved(batch.length, batch.reduce((sum, { file }) => sum + file.size, 0));
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
