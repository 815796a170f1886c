// Photos, directions and mappers that were dropped on the page, kept in IndexedDB by the SHA-256 that the server found:
// {sha256, name, kind: "photo" | "file", blob, record: the server's answer, time}.

const NAME = "styleclip-studio";
const STORE = "files";
const MAX_BYTES = 256e6; // of all files; the least recently used ones go first
const MAX_FILES = 40;

let opened = null;

// null where the browser keeps nothing, as in some private windows.
function database() {
  opened ??= new Promise((resolve) => {
    try {
      const request = indexedDB.open(NAME, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, {keyPath: "sha256"});
      request.onsuccess = () => resolve(request.result);
      request.onerror = request.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
  return opened;
}

// The result of `work(object store)`, a request; undefined where it failed.
async function run(mode, work) {
  const files = await database();
  if (!files) return undefined;
  return new Promise((resolve) => {
    try {
      const transaction = files.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = transaction.onerror = () => resolve(undefined);
    } catch {
      resolve(undefined);
    }
  });
}

export const keptFile = (sha256) => run("readonly", (store) => store.get(sha256));

export async function keepFile(file) {
  await run("readwrite", (store) => store.put({...file, time: Date.now()}));
  await dropOldest(file.sha256);
}

// The server's answer on a photo that this browser has no file of, which `blob` is empty for.
export async function keepRecord(record) {
  if (await keptFile(record.sha256)) return;
  await keepFile({sha256: record.sha256, name: record.name, kind: "photo", blob: new Blob(), record});
}

async function dropOldest(newest) {
  const files = (await run("readonly", (store) => store.getAll())) ?? [];
  let bytes = 0;
  const byAge = files.sort((one, other) => other.time - one.time);
  const old = byAge.filter((file, i) => (bytes += file.blob.size) > MAX_BYTES || i >= MAX_FILES);
  for (const {sha256} of old) if (sha256 !== newest) await run("readwrite", (store) => store.delete(sha256));
}
