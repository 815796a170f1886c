// How far the picture lags behind the hand, for tests and the benchmark: window.studio.stats.
import {store} from "./store.js";
import {viewer} from "./viewer.js";

const MOST_LAGS = 20000;
let inputTime = null;

export const stats = {
  lags: [], // ms from an input event to the drawn frame that shows it
  frames: 0, // frames drawn
  oldest: 0, // the largest number of requests that a drawn frame was behind
};

// An input event changed the state.
export function measureInput() {
  inputTime = window.event?.timeStamp ?? performance.now();
}

export function measureSent(request) {
  request.inputTime = inputTime;
  inputTime = null;
}

export function measureDrawn(request, newest) {
  stats.frames += 1;
  stats.oldest = Math.max(stats.oldest, newest - request.counter);
  if (request.inputTime == null) return;
  stats.lags.push(performance.now() - request.inputTime);
  if (stats.lags.length > MOST_LAGS) stats.lags.splice(0, MOST_LAGS / 2);
}

let rested = null; // the state and the facts of the last full frame

export function watchRest() {
  viewer.onRest((state, facts) => (rested = {state, facts}));
}

// Whether the picture is the full frame of the present state, with all of its rows.
export function isSettled() {
  if (rested?.state !== store.state || store.view.connected === false || store.view.pending) return false;
  return Object.values(rested.facts.rows ?? {}).every((row) => !row.job);
}
