// The state of this tab, its undo entries, and what the page shows beside it.
import {useEffect, useReducer} from "../vendor/preact-htm.js";

const MERGE_MS = 600; // changes of one control closer than this are one undo step
const MAX_ENTRIES = 300;
const INFO_MS = 8000; // that a status which is no error stays

export const EMPTY = {version: 1, model: null, face: {seed: 0, psi: 1}, rows: [], strokes: [], child: null, translate: [0, 0], rotate: 0};

// state: section 1 of docs/studio.md, never mutated. view: everything else that the page shows (plain keys, not undone).
export function createStore(state = EMPTY, view = {}) {
  const listeners = new Set();
  const changes = new Set();
  const store = {
    state,
    view,
    entries: [{state, label: "start", time: Date.now()}], // undo entries, oldest first
    position: 0, // the entry that `state` belongs to
    held: false, // a pointer is down: every change until release() joins one entry

    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    // `listener(state, event)` runs after every change of `state`, undo included.
    onChange(listener) {
      changes.add(listener);
      return () => changes.delete(listener);
    },

    // Replace the state by `change(state)`. `label` names the undo entry; changes with the same `key` in quick
    // succession, or during one drag, are one entry. `reopen` joins also an entry whose drag has ended.
    update(change, {label = "change", key = null, reopen = false} = {}) {
      const next = change(store.state);
      if (next === store.state) return;
      const last = store.entries[store.position];
      const recent = Date.now() - last.time < MERGE_MS;
      const joins = key !== null && last.key === key && (reopen ? recent : !last.sealed && (store.held || recent));
      const entry = {state: next, label, key, time: Date.now()};
      if (joins) store.entries = [...store.entries.slice(0, store.position), entry];
      else store.entries = [...store.entries.slice(0, store.position + 1), entry].slice(-MAX_ENTRIES);
      store.position = store.entries.length - 1;
      set(next);
    },
    // Replace the state without an undo entry: a value that the server found (an automatic strength).
    amend(change) {
      const next = change(store.state);
      if (next === store.state) return;
      store.entries = store.entries.map((entry, i) => (i === store.position ? {...entry, state: next} : entry));
      set(next);
    },
    hold() {
      store.held = true;
    },
    release() {
      store.held = false;
      store.entries[store.position].sealed = true;
    },
    go(position) {
      if (position < 0 || position >= store.entries.length || position === store.position) return;
      store.entries[store.position].sealed = true;
      store.position = position;
      set(store.entries[position].state);
    },
    undo: () => store.go(store.position - 1),
    redo: () => store.go(store.position + 1),

    // Merge `values` into `view`.
    show(values) {
      if (Object.keys(values).every((name) => Object.is(store.view[name], values[name]))) return;
      store.view = {...store.view, ...values};
      notify();
    },
    // A sentence for the status line (read aloud by screen readers): "info" for some seconds, "error" until the next full
    // frame, "busy" until the next frame.
    say(text, kind = "info") {
      const status = {text, kind};
      store.show({status});
      if (kind === "info") setTimeout(() => store.view.status === status && store.show({status: null}), INFO_MS);
    },
  };

  function set(next) {
    store.state = next;
    for (const listener of [...changes]) listener(next);
    notify();
  }
  function notify() {
    for (const listener of [...listeners]) listener();
  }
  return store;
}

// The store of the page.
export const store = createStore();

// `select(store)` in a component; it renders again when the selected value is another one (Object.is).
export function useStore(select) {
  const [, render] = useReducer((count) => count + 1, 0);
  const value = select(store);
  useEffect(() => {
    let seen = value;
    const check = () => {
      const next = select(store);
      if (!Object.is(next, seen)) {
        seen = next;
        render();
      }
    };
    check();
    return store.subscribe(check);
  });
  return value;
}

export function setFace(face, label, key = null) {
  // A face that is chosen here is one of the model here, whichever the state before was made with.
  store.update((state) => ({...state, face: {...face}, model: store.view.about?.model.fingerprint ?? state.model}), {label, key});
}

export const MOST_ROWS = 24;

// Adds a row and gives its id; where there are enough, says so and gives null.
export function addRow(row, label) {
  if (store.state.rows.length >= MOST_ROWS) {
    store.say(`There are at most ${MOST_ROWS} edits.`, "error");
    return null;
  }
  const id = `r${1 + Math.max(0, ...store.state.rows.map((row) => Number(row.id.slice(1)) || 0))}`;
  store.update((state) => ({...state, rows: [...state.rows, {id, on: true, ...row}]}), {label: label ?? rowName(row)});
  return id;
}

export function addTextRow(prompt) {
  return addRow({kind: "text", strength: null, prompt, neutral: [], relevance: "auto", beta: null});
}

export function changeRow(id, values, options = {}) {
  store.update((state) => {
    const row = state.rows.find((row) => row.id === id);
    if (!row || Object.keys(values).every((name) => Object.is(row[name], values[name]))) return state;
    return {...state, rows: state.rows.map((row) => (row.id === id ? {...row, ...values} : row))};
  }, options);
}

export function removeRow(id) {
  const row = store.state.rows.find((row) => row.id === id);
  if (row) store.update((state) => ({...state, rows: state.rows.filter((row) => row.id !== id)}), {label: `removed ${rowName(row)}`});
}

// Move a row to `index` among the rows.
export function moveRow(id, index, key = null) {
  store.update((state) => {
    const from = state.rows.findIndex((row) => row.id === id);
    const to = Math.min(Math.max(index, 0), state.rows.length - 1);
    if (from < 0 || from === to) return state;
    const rows = state.rows.filter((row) => row.id !== id);
    rows.splice(to, 0, state.rows[from]);
    return {...state, rows};
  }, {label: "another order", key});
}

export function rowName(row) {
  return row.prompt ?? row.key ?? row.name ?? "edit";
}
