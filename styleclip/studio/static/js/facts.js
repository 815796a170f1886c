// What the server says about a frame, kept for the page: view.facts, view.identity, view.rows[id].
import {store} from "./store.js";

const MOMENTARY = ["error", "warning", "job", "retry", "missing", "can_force", "shown_before"]; // gone as soon as the server no longer says them

const FRAME_STATUS = ["note", "busy"];
const READOUT_MS = 400;
let readoutTime = 0;

export function receiveFacts(facts, state) {
  const rows = {};
  for (const row of state.rows) rows[row.id] = rowFacts(store.view.rows?.[row.id], facts.rows?.[row.id] ?? {}, row, state, facts.rest);
  const identity = facts.rest ? {value: facts.identity ?? null, stale: false} : staleOf(store.view.identity);
  store.show({facts, identity, status: statusAfter(facts), readout: readout(facts), jobs: jobsOf(facts), rows: sameRows(rows) ? store.view.rows : rows});
  fillAuto(facts, state);
}

// The facts of the line under the picture; numbers that change with every frame cannot be read.
function readout(facts) {
  const now = performance.now();
  if (!facts.rest && now - readoutTime < READOUT_MS) return store.view.readout;
  readoutTime = now;
  return facts;
}

// Without the jobs that a full frame no longer waits for.
function jobsOf(facts) {
  const {jobs} = store.view;
  const needed = Object.values(facts.rows ?? {}).map((row) => row.job?.key);
  if (!facts.rest || !jobs || Object.keys(jobs).every((key) => needed.includes(key))) return jobs;
  return Object.fromEntries(Object.entries(jobs).filter(([key]) => needed.includes(key)));
}

// Facts that only full frames bring (the probability) stay, marked as stale, until the next one.
function rowFacts(before, now, row, state, rest) {
  const about = JSON.stringify([{...row, strength: 0, on: true}, state.face]);
  const kept = before?.about === about ? {...before} : {about};
  for (const name of MOMENTARY) delete kept[name];
  if (rest) delete kept.probability;
  const next = {...kept, ...now};
  if (next.probability != null) next.stale = !rest;
  return before && JSON.stringify(before) === JSON.stringify(next) ? before : next;
}

function sameRows(rows) {
  const before = store.view.rows ?? {};
  const ids = Object.keys(rows);
  return ids.length === Object.keys(before).length && ids.every((id) => rows[id] === before[id]);
}

function staleOf(identity) {
  return identity && !identity.stale ? {...identity, stale: true} : identity;
}

// Notes of a frame, unless something else is being said: an error stays until the next full frame.
function statusAfter(facts) {
  const {status} = store.view;
  if (status && !FRAME_STATUS.includes(status.kind) && !(status.kind === "error" && facts.rest)) return status;
  const text = (facts.notes ?? []).join("; ");
  if (!text) return null;
  return status?.text === text ? status : {text, kind: "note"};
}

// Write the strength that the server found for `strength: null` into the state.
function fillAuto(facts, state) {
  const found = (row) => (row.strength === null ? facts.rows?.[row.id]?.auto : null);
  if (!state.rows.some((row) => found(row) != null)) return;
  store.amend((current) => ({
    ...current,
    rows: current.rows.map((row) => {
      const asked = state.rows.includes(row); // unchanged since this frame was asked for
      return asked && found(row) != null ? {...row, strength: found(row)} : row;
    }),
  }));
}

// The rows after a job has ended: a failed one says why until the next frame says so itself.
export function rowsAfterJob(rows, {type, key, error}) {
  if (type !== "job_failed") return rows;
  const changed = Object.entries(rows ?? {}).map(([id, row]) => [id, row.job?.key === key ? {...row, job: undefined, error} : row]);
  return Object.fromEntries(changed);
}
