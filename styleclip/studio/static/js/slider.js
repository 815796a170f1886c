// A range input with marks, a fill that starts at 0, and fine steps while shift is held.
import {html, useRef} from "../vendor/preact-htm.js";
import {store} from "./store.js";

const THUMB = 18; // px, as in studio.css
const FINE = 0.1; // of the pointer's way, while shift is held
const CATCH_PX = 4; // 0 is caught within this distance

// marks: [{value, name, title}]. `change(value)` runs on every input, `reset()` on a double click.
export function Slider({value, min, max, step, fine, marks = [], label, text, title, testid, change, reset, disabled}) {
  const input = useRef();
  const drag = useRef(null);
  const place = (number) => (max > min ? Math.min(Math.max((number - min) / (max - min), 0), 1) : 0);
  const perPixel = () => (max - min) / Math.max(input.current.clientWidth - THUMB, 1);
  const give = (number) => change(round(Math.min(Math.max(number, min), max), fine));
  const catchZero = (number, unit) => (Math.abs(number) < CATCH_PX * unit ? 0 : number);
  const onPointerDown = (event) => {
    if (event.button !== 0 || disabled) return;
    store.hold();
    if (event.pointerType === "touch") return; // the browser tells a drag from a scroll
    event.preventDefault();
    input.current.focus({preventScroll: true});
    input.current.setPointerCapture(event.pointerId);
    const unit = perPixel();
    const pressed = min + (event.clientX - input.current.getBoundingClientRect().left - THUMB / 2) * unit;
    const stays = event.shiftKey || Math.abs(pressed - value) < (THUMB / 2) * unit; // on the thumb
    drag.current = {x: event.clientX, at: stays ? value : pressed, unit};
    if (!stays) give(catchZero(pressed, unit));
  };
  const onPointerMove = (event) => {
    if (!drag.current) return;
    const {x, at, unit} = drag.current;
    if (event.clientX === x) return;
    const next = at + (event.clientX - x) * unit * (event.shiftKey ? FINE : 1);
    drag.current = {x: event.clientX, at: next, unit};
    give(event.shiftKey ? next : catchZero(next, unit));
  };
  const onPointerEnd = () => {
    drag.current = null;
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
      onInput=${(event) => give(Number(event.target.value))} onDblClick=${reset} onKeyDown=${onKeyDown}
      onPointerDown=${onPointerDown} onPointerMove=${onPointerMove} onPointerUp=${onPointerEnd} onPointerCancel=${onPointerEnd} />
  </div>`;
}

export function round(value, step) {
  return Number((Math.round(value / step) * step).toFixed(4));
}
