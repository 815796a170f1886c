// The state outlives the page: in the fragment of the URL, in sessionStorage for a reload of this tab, in localStorage
// for the next tab, and the files it names in IndexedDB.
import {decodeState, encodeState} from "./fragment.js";
import {postBytes} from "./http.js";
import {keepFile, keptFile} from "./kept_files.js";
import {readState} from "./read_state.js";
import {store} from "./store.js";

const WRITE_MS = 250; // browsers limit how often the URL may change
const KEY = "styleclip-studio";

let written = null; // the fragment that belongs to the state in sessionStorage
let waiting = 0;

// The state to start with: that of the link, else of this tab, else of the last one; null for none.
export async function restore() {
  const kept = read("sessionStorage");
  const own = isReload() || kept?.fragment === location.hash ? readState(kept?.state) : null;
  if (own) return own;
  const linked = await decodeState(location.hash);
  const before = readState(kept?.state) ?? readState(read("localStorage")?.state);
  if (!linked && location.hash) store.say(`The link cannot be read, it may be cut off${before ? "; this is the last state of this browser" : ""}.`);
  return linked ?? before;
}

// A reload comes with the fragment of its start, which may be older than the last one that was written.
function isReload() {
  return performance.getEntriesByType("navigation")[0]?.type === "reload";
}

// Write every change from now on, and follow links to other states that are opened in this tab.
export function persist() {
  store.onChange(() => {
    clearTimeout(waiting);
    waiting = setTimeout(writeSoon, WRITE_MS);
  });
  addEventListener("pagehide", () => write(store.state));
  addEventListener("hashchange", async () => {
    const state = await decodeState(location.hash);
    if (state) store.update(() => state, {label: "opened a link"});
    else if (location.hash) store.say("The link cannot be read, it may be cut off.");
  });
  writeSoon();
}

async function writeSoon() {
  const state = store.state;
  write(state);
  const fragment = await encodeState(state).catch(() => ""); // a browser without streams that compress
  if (state !== store.state) return; // a newer one will be written
  try {
    if (location.hash !== fragment) history.replaceState(history.state, "", fragment || location.pathname + location.search);
    written = fragment;
  } catch {
    // The browser allows no more changes now; the next one takes this state along.
  }
  write(state);
}

function write(state) {
  const text = JSON.stringify({state: JSON.stringify(state), fragment: written ?? location.hash});
  for (const storage of ["sessionStorage", "localStorage"]) {
    try {
      window[storage].setItem(KEY, text);
    } catch {
      // Full, or not allowed: the URL still has the state.
    }
  }
}

function read(storage) {
  try {
    return JSON.parse(window[storage].getItem(KEY));
  } catch {
    return null;
  }
}

const PLAIN_NAME = /^[^\p{C}]{1,200}$/u;

// Upload a file; the server's answer {sha256, name, ..} is kept with it, under the name that it has on this computer, for
// the copied lines. Throws Error with the server's sentence.
export async function upload(blob, name, kind) {
  const answer = await postBytes(kind === "photo" ? "api/photos" : "api/files", blob, name);
  const record = PLAIN_NAME.test(name) ? {...answer, name} : answer;
  await keepFile({sha256: record.sha256, name, kind, blob, record});
  return record;
}

// Upload a file again that the server has forgotten, from IndexedDB; false where it is not there.
export async function supply(sha256) {
  const file = await keptFile(sha256);
  if (!file?.blob.size) return false;
  try {
    return (await upload(file.blob, file.name, file.kind)).sha256 === sha256;
  } catch {
    return false;
  }
}
