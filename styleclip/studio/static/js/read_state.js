// A state that came from a link, a file or the storage of the browser, as the page relies on it. Values of another type
// get their defaults; what lies out of bounds stays, as the server has a sentence for it.

import {MOST_ROWS} from "./store.js";

const MOST_BYTES = 1e6; // of the state in JSON; the server reads messages of 1 MiB
const SHA256 = /^[0-9a-f]{64}$/;
const ROW_ID = /^r\d{1,9}$/;

// The state in JSON; null for anything else.
export function readState(text) {
  try {
    return tidyState(JSON.parse(text));
  } catch {
    return null;
  }
}

// The state in a value; null for anything else, and for one that is too long to send.
export function tidyState(value) {
  if (value?.version !== 1 || !isObject(value.face) || !Array.isArray(value.rows)) return null;
  const {model} = value;
  const strokes = listOf(value.strokes, isStroke).map(({erase, radius, points}) => ({erase: erase === true, radius, points}));
  const state = {version: 1, model: typeof model === "string" ? model : null, face: tidyFace(value.face), rows: tidyRows(value.rows), strokes, child: tidyChild(value.child), ...tidyPlace(value)};
  return new TextEncoder().encode(JSON.stringify(state)).length > MOST_BYTES ? null : state;
}

function tidyChild(child) {
  if (!isObject(child) || !SHA256.test(child.sha256)) return null;
  return {name: textOf(child.name), sha256: child.sha256, amount: numberOf(child.amount, 1), parent_layers: textOf(child.parent_layers)};
}

function tidyPlace({translate, rotate}) {
  const [x, y] = Array.isArray(translate) ? translate : [];
  return {translate: [numberOf(x, 0), numberOf(y, 0)], rotate: numberOf(rotate, 0)};
}

function tidyFace(face) {
  const {photo} = isObject(face) ? face : {};
  if (isObject(photo) && SHA256.test(photo.sha256)) {
    const {sha256, name} = photo;
    return {photo: {sha256, name: textOf(name), face: wholeOf(photo.face, 1), refine: wholeOf(photo.refine, 0), tune: wholeOf(photo.tune, 0)}};
  }
  return {seed: wholeOf(face?.seed, 0), psi: numberOf(face?.psi, 1)};
}

function tidyRows(rows) {
  const ids = new Set();
  return listOf(rows, isObject).slice(0, MOST_ROWS).map((row) => {
    let number = rows.length;
    let id = row.id;
    while (!ROW_ID.test(id) || ids.has(id)) id = `r${++number}`;
    ids.add(id);
    return {id, kind: textOf(row.kind), on: row.on !== false, strength: numberOf(row.strength, null), ...tidyKind(row)};
  });
}

function tidyKind(row) {
  const {sha256, key} = row;
  const text = {prompt: textOf(row.prompt), neutral: listOf(row.neutral, (each) => typeof each === "string"), ...(row.force === true ? {force: true} : {})};
  if (row.kind === "text") return {...text, relevance: textOf(row.relevance) || "auto", beta: numberOf(row.beta, null)};
  if (row.kind === "optimize") return {...text, face: tidyFace(row.face)};
  return {name: textOf(row.name), ...(typeof sha256 === "string" ? {sha256} : {}), ...(typeof key === "string" && key ? {key} : {})};
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isPoint = (point) => Array.isArray(point) && point.length === 2 && point.every(Number.isFinite);
const isStroke = (stroke) => isObject(stroke) && Number.isFinite(stroke.radius) && Array.isArray(stroke.points) && stroke.points.every(isPoint);
const listOf = (values, isOne) => (Array.isArray(values) ? values.filter(isOne) : []);
const numberOf = (value, otherwise) => (Number.isFinite(value) ? value : otherwise);
const wholeOf = (value, otherwise) => (Number.isSafeInteger(value) && value >= 0 ? value : otherwise);
const textOf = (value) => (value == null ? "" : String(value));
