// The websocket to the server: one frame message unanswered at a time, the last state wins.
import {receiveFacts, rowsAfterJob} from "./facts.js";
import {frameIsPhoto} from "./open_files.js";
import {store} from "./store.js";
import {measureDrawn, measureInput, measureSent} from "./stats.js";
import {forgetSupplies, supplyAgain, supplyRows} from "./supplies.js";
import {viewer} from "./viewer.js";

const REST_MS = 150;
const BUSY_MS = 1000;
const LONGEST_WAIT_MS = 8000;
const LOST = "Connection lost; trying again.";
const CLOSED = {1008: "The server refuses this page; open the address that it printed.", 1013: "The server has too many open tabs; close one of them."};

let socket = null;
let waits = 0; // failed attempts in a row
let counter = 0;
let last = null; // the request whose frame is shown
let flight = null; // the unanswered request
let dirty = true; // the state changed after the last request
let sourceAsked = null; // the face whose source was asked for
let restDue = false;
let restTimer = 0;
let decoding = 0; // pictures that are being decoded
const answered = new Map(); // counter -> {request, facts}, until its picture arrives
const jobListeners = new Set();

export const connection = {
  counter: () => counter,
  open() {
    store.onChange(() => {
      measureInput();
      connection.request();
    });
    let view = shownView();
    store.subscribe(() => {
      if (view === shownView()) return;
      view = shownView();
      connection.request();
    });
    addEventListener("pointerdown", () => setHeld(true), true);
    addEventListener("pointerup", () => setHeld(false), true);
    addEventListener("pointercancel", () => setHeld(false), true);
    addEventListener("blur", () => setHeld(false));
    addEventListener("online", () => socket === null && connect());
    connect();
  },
  // Ask for a frame of the state, and for a full one when it rests.
  request() {
    dirty = true;
    restDue = false;
    clearTimeout(restTimer);
    restTimer = setTimeout(becomeRest, REST_MS);
    next();
  },
  stop(key) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({type: "stop", job: key}));
  },
  // Start a stopped or failed job again.
  retry(key) {
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.send(JSON.stringify({type: "retry", job: key}));
    connection.request();
  },
  // The picture on the page is the full frame of the state, and no work for it goes on.
  settled() {
    const working = store.view.pending || rowsWork();
    const waiting = flight || decoding || dirty || restDue || restWaits || !store.view.connected;
    return !working && !waiting && Boolean(last?.rest) && last.state === store.state && last.view === shownView();
  },
  // The frame that the page shows.
  drawn: () => last && {counter: last.counter, rest: last.rest, size: store.view.size, view: last.view},
  onJob(listener) {
    jobListeners.add(listener);
    return () => jobListeners.delete(listener);
  },
};

let pointerHeld = false;
function setHeld(held) {
  pointerHeld = held;
  if (!held && restWaits) becomeRest();
}

let restWaits = false;
function becomeRest() {
  restWaits = pointerHeld;
  if (restWaits) return;
  restDue = true;
  next();
}

function connect() {
  const address = new URL("ws", document.baseURI);
  address.protocol = address.protocol.replace("http", "ws");
  socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    waits = 0;
    forgetSupplies();
    const {status} = store.view;
    store.show({connected: true, jobs: {}, pending: null, status: status?.kind === "lost" ? null : status});
    connection.request();
  };
  socket.onmessage = ({data}) => (typeof data === "string" ? receive(JSON.parse(data)) : receivePicture(data));
  socket.onclose = ({code}) => {
    socket = null;
    flight = null;
    sourceAsked = null;
    answered.clear();
    store.show({connected: false, status: {text: CLOSED[code] ?? LOST, kind: "lost"}});
    setTimeout(() => socket === null && connect(), Math.min(500 * 2 ** waits++, LONGEST_WAIT_MS));
  };
}

function shownView() {
  const {photo} = store.state.face;
  return (photo && !frameIsPhoto(store.view, photo) && store.view.view) || "frame";
}

// Send what is wanted most: the live state, then the full frame, then the source to compare with.
function next() {
  if ((flight && !overtakes()) || decoding || socket?.readyState !== WebSocket.OPEN) return;
  if (flight?.source) sourceAsked = null;
  const {state} = store;
  const view = shownView();
  const face = JSON.stringify([state.face, view, state.child, state.translate, state.rotate]);
  if (dirty) {
    dirty = false;
    send({state, rest: view === "photo", view, face});
    if (viewer.beforeKey() !== face) viewer.drawBefore(null, null);
  } else if (restDue) {
    restDue = false;
    send({state, rest: true, view, face});
  } else if (view === "photo" && viewer.beforeKey() !== face && sourceAsked !== face) {
    sourceAsked = face;
    showOriginal(state.face.photo, face);
    next();
  } else if (state.rows.length && last?.rest && last.state === state && !rowsWork() && viewer.beforeKey() !== face && sourceAsked !== face) {
    sourceAsked = face;
    send({state: {...state, rows: [], strokes: []}, rest: true, view, face, source: true});
  }
}

// Whether a row waits for a job. A frame without that row would end the job.
const rowsWork = () => Object.values(store.view.rows ?? {}).some((row) => row.job);

// Whether a live state goes out although a full frame is unanswered, which the server gives up where it is slow.
function overtakes() {
  return dirty && flight.rest && flight.view === "frame";
}

// The photo as it was uploaded, to compare with.
async function showOriginal({sha256}, face) {
  const response = await fetch(`api/photos/${sha256}`).catch(() => null);
  if (!response?.ok) return;
  const bitmap = await createImageBitmap(await response.blob());
  if (sourceAsked === face) viewer.drawBefore(bitmap, face);
  else bitmap.close();
}

function send(request) {
  flight = {...request, counter: ++counter};
  const {state, rest, view, source = false} = request;
  socket.send(JSON.stringify({type: "frame", counter, state, rest, view, source, width: viewer.width()}));
  if (!request.source) measureSent(flight);
}

function receive(message) {
  const request = flight?.counter === message.counter ? flight : null;
  if (!request && message.counter != null) return undefined; // of a frame that was overtaken
  switch (message.type) {
    case "facts":
      answered.set(message.counter, {request, facts: message});
      flight = null;
      return next();
    case "pending":
      flight = null;
      store.show({pending: message.job, jobs: {...store.view.jobs, [message.job.key]: message.job}});
      return next();
    case "failed":
      flight = null;
      if (request?.source) viewer.drawBefore(null, request.face);
      else fail(message, request);
      return next();
    case "busy":
      flight = null;
      store.say("The server is busy; trying again.", "busy");
      setTimeout(connection.request, BUSY_MS);
      return undefined;
    default:
      return receiveJob(message);
  }
}

// `view.faceChosen`: the face was just asked for, so that work on it that was stopped before starts again.
function fail({error, missing, retry}, request) {
  const {photo} = request?.state.face ?? {};
  const again = retry && store.view.faceChosen;
  const lost = missing === "photo" && photo;
  const tell = () => store.show({faceError: photo ? {error, retry} : null});
  store.show({pending: null, faceChosen: false, faceError: null});
  if (again) return connection.retry(retry);
  if (lost) return supplyAgain([photo], error).then((found) => (found ? connection.request() : tell()));
  tell();
  return store.say(error, "error");
}

function receiveJob(message) {
  const {[message.key ?? message.job?.key]: known, ...others} = store.view.jobs ?? {};
  const pending = store.view.pending;
  if (message.type === "progress") {
    store.show({jobs: {...others, [message.job.key]: message.job}});
  } else {
    store.show({jobs: others, pending: pending?.key === message.key ? null : pending, rows: rowsAfterJob(store.view.rows, message)});
    if (message.type === "job_failed") store.say(message.error, "error");
    connection.request();
  }
  for (const listener of jobListeners) listener(message);
}

async function receivePicture(data) {
  const number = new DataView(data).getUint32(0);
  const answer = answered.get(number);
  answered.delete(number);
  if (!answer) return;
  decoding += 1;
  const bitmap = await createImageBitmap(new Blob([new Uint8Array(data, 4)])).finally(() => (decoding -= 1));
  show(bitmap, answer, number);
  next();
}

function show(bitmap, {request, facts}, number) {
  if (request.source) return viewer.drawBefore(bitmap, request.face);
  if (number < (last?.counter ?? 0)) return bitmap.close();
  last = request;
  if (String(store.view.size) !== String(facts.size)) store.show({size: facts.size});
  store.show({pending: null, faceChosen: false, faceError: null});
  viewer.draw(bitmap);
  measureDrawn(request, counter);
  receiveFacts(facts, request.state);
  supplyRows(request.state.rows, facts).then((found) => found && connection.request());
  if (facts.rest) viewer.tellRest(request.state, facts);
  return undefined;
}
