// How far the picture lags behind the hand, for tests and the benchmark: window.studio.stats.

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
