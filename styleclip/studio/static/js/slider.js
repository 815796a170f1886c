// A range input with marks, a fill that starts at 0, and fine steps while shift is held.
import {html, useRef} from "../vendor/preact-htm.js";
import {store} from "./store.js";

const THUMB = 18; // px, as in studio.css
const FINE = 0.1; // of the pointer's way, while shift is held
const CATCH_PX = 4; // 0 is caught within this distance
const TAP_PX = 6; // a finger that moves less sideways does not drag

// marks: [{value, name, title}]. `change(value)` runs on every input, `reset()` on a double click.
export function Slider({value, min, max, step, fine, marks = [], label, text, title, testid, change, reset, disabled}) {
  const input = useRef();
  const drag = useRef(null); // of a mouse or pen
  const touch = useRef(null);
  const place = (number) => (max > min ? Math.min(Math.max((number - min) / (max - min), 0), 1) : 0);
  const perPixel = () => (max - min) / Math.max(input.current.clientWidth - THUMB, 1);
  const valueAt = ({clientX}) => min + (clientX - input.current.getBoundingClientRect().left - THUMB / 2) * perPixel();
  const give = (number) => change(round(Math.min(Math.max(number, min), max), fine));
  const catchZero = (number, unit) => (Math.abs(number) < CATCH_PX * unit ? 0 : number);
  const onPointerDown = (event) => {
    if (event.button !== 0 || disabled) return;
    store.hold();
    if (event.pointerType === "touch") { // the browser drags the thumb, unless the finger scrolls
      touch.current = {x: event.clientX, moved: false};
      return;
    }
    event.preventDefault();
    input.current.focus({preventScroll: true});
    input.current.setPointerCapture(event.pointerId);
    const unit = perPixel();
    const pressed = valueAt(event);
    const stays = event.shiftKey || Math.abs(pressed - value) < (THUMB / 2) * unit; // on the thumb
    drag.current = {x: event.clientX, at: stays ? value : pressed, unit};
    if (!stays) give(catchZero(pressed, unit));
  };
  const onPointerMove = (event) => {
    if (touch.current && Math.abs(event.clientX - touch.current.x) > TAP_PX) touch.current.moved = true;
    if (!drag.current) return;
    const {x, at, unit} = drag.current;
    if (event.clientX === x) return;
    const next = at + (event.clientX - x) * unit * (event.shiftKey ? FINE : 1);
    drag.current = {x: event.clientX, at: next, unit};
    give(event.shiftKey ? next : catchZero(next, unit));
  };
  const onInput = ({target}) => {
    const wanted = Number(target.value);
    if (touch.current && !touch.current.moved) target.value = value; // until it is known to be no scroll
    else give(wanted);
  };
  const onPointerEnd = (event) => {
    const isTap = touch.current && !touch.current.moved && event.type === "pointerup";
    if (isTap) give(catchZero(valueAt(event), perPixel()));
    drag.current = null;
    touch.current = null;
    store.release();
  };
  const onKeyDown = (event) => {
    const sign = {ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1}[event.key];
    if (!sign || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    give(value + sign * (event.shiftKey ? fine : step));
  };
  const [low, high] = [place(0), place(value)].sort((a, b) => a - b);
  return html`<div class="slider" data-disabled=${disabled ? "" : null} style=${{"--low": low, "--high": high}}>
    <span class="track" aria-hidden="true"></span>
    ${marks.filter((mark) => mark.value >= min && mark.value <= max).map((mark) =>
      html`<span class="mark mark-${mark.name}" key=${mark.name} style=${{"--at": place(mark.value)}} aria-hidden="true"></span>`)}
    <input ref=${input} type="range" min=${min} max=${max} step=${fine} value=${value} disabled=${disabled} data-testid=${testid}
      aria-label=${label} aria-valuetext=${text} title=${title}
      onInput=${onInput} onDblClick=${reset} onKeyDown=${onKeyDown}
      onPointerDown=${onPointerDown} onPointerMove=${onPointerMove} onPointerUp=${onPointerEnd} onPointerCancel=${onPointerEnd} />
  </div>`;
}

const DIGITS = 10; // of a strength, after the point: enough for all steps, and no trace of binary fractions

export function round(value, step) {
  return Number((Math.round(value / step) * step).toFixed(DIGITS));
}

// With three digits that count.
export function shortNumber(value) {
  return String(Number(value.toPrecision(3)));
}

const STEPS = 80; // of a slider over its range
const FINE_OF = {1: 0.2, 2: 0.5, 5: 1};

// {step, fine, digits} for a slider over a range: steps of 1, 2 or 5 times a power of ten, and the digits after the point.
export function stepsOf(low, high) {
  const size = Math.max(high - low, 1e-6) / STEPS;
  const power = 10 ** Math.floor(Math.log10(size) + 1e-9);
  const digit = [5, 2, 1].find((each) => each * power <= size * (1 + 1e-9));
  const fine = FINE_OF[digit] * power;
  return {step: digit * power, fine, digits: Math.max(2, Math.ceil(-Math.log10(fine) - 1e-9))};
}
