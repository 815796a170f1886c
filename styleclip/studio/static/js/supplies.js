// Uploads files again that the server has forgotten, from those that this browser keeps.
import {supply} from "./persist.js";
import {store} from "./store.js";

const AGAIN_MS = 10000; // between two uploads of the same file

const supplied = new Map(); // hash -> {time, running}: when it was last uploaded again, and the promise while it is

export const forgetSupplies = () => supplied.clear();

// The files of rows whose facts say `missing`: directions, mappers, and the photos that steps were baked on.
export async function supplyRows(rows, facts) {
  const files = rows.filter((row) => facts.rows?.[row.id]?.missing).map((row) => row.face?.photo ?? row);
  return files.length > 0 && supplyAgain(files);
}

// Whether one of the files {sha256, name} is there again; where none is, `error` is shown.
export async function supplyAgain(files, error = "A file of an edit is not kept in this browser; drop it again.") {
  const due = files.filter(({sha256}) => isDue(sha256));
  if (due.length) store.say(`Sending ${due.map(({name}) => name).join(" and ")} again.`);
  const found = await Promise.all(files.map(supplyOnce));
  if (found.some(Boolean)) store.show({status: null});
  else store.say(error, "error");
  return found.some(Boolean);
}

const isDue = (sha256) => !(Date.now() - supplied.get(sha256)?.time < AGAIN_MS);

// Joins an upload that is on its way; false where the last one was a moment ago and did not help.
function supplyOnce({sha256}) {
  const before = supplied.get(sha256);
  if (before?.running) return before.running;
  if (!isDue(sha256)) return false;
  const running = supply(sha256).finally(() => {
    if (supplied.get(sha256)?.running === running) supplied.set(sha256, {time: Date.now()});
  });
  supplied.set(sha256, {time: Date.now(), running});
  return running;
}
