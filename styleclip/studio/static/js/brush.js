// The brush: where the picture may change. Strokes are part of the state, in units of the frame's sides.
import {html, useEffect, useRef} from "../vendor/preact-htm.js";
import {Icon} from "./icons.js";
import {drawRegion, drawStroke, thinOut} from "./strokes.js";
import {store, useStore} from "./store.js";

const MAX_STROKES = 200;
const MAX_POINTS = 20000;
const RADIUS = {least: 0.01, most: 0.25, first: 0.07}; // of the frame's width
const GROWTH = 1.15; // of the radius, by the wheel

const radiusOf = (view) => view.brushRadius ?? RADIUS.first;

// Painting needs the frame itself, not the photo around it.
function setPainting(on) {
  store.show({brush: on, ...(on ? {view: "frame"} : {})});
  if (on && !store.state.strokes.length) store.say("Paint where the picture may change.");
}

function addStroke(stroke) {
  const {strokes} = store.state;
  const points = strokes.reduce((sum, each) => sum + each.points.length, stroke.points.length);
  if (strokes.length >= MAX_STROKES || points > MAX_POINTS) {
    store.say("The region has as many strokes as it can hold; clear it, or undo some.", "error");
    return;
  }
  store.update((state) => ({...state, strokes: [...state.strokes, stroke]}), {label: stroke.erase ? "erase" : "brush"});
}

export function BrushLayer() {
  const painting = useStore(({view}) => Boolean(view.brush) && view.view !== "photo");
  return painting ? html`<${Paper} />` : null;
}

function Paper() {
  const strokes = useStore(({state}) => state.strokes);
  const erase = useStore(({view}) => Boolean(view.brushErase));
  const radius = useStore(({view}) => radiusOf(view));
  const canvas = useRef();
  const cursor = useRef();
  const current = useRef(null); // the stroke under the pointer

  const draw = () => {
    const {width, height} = fitToPage(canvas.current);
    const context = canvas.current.getContext("2d");
    context.clearRect(0, 0, width, height);
    drawRegion(context, store.state.strokes, width, height);
    if (current.current) drawStroke(context, current.current, width, height);
  };
  useEffect(draw, [strokes]);
  useEffect(() => {
    const observer = new ResizeObserver(draw);
    observer.observe(canvas.current);
    return () => observer.disconnect();
  }, []);

  const place = (event) => {
    const box = canvas.current.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const start = (event) => {
    if (event.button > 0 || current.current) return;
    event.preventDefault();
    canvas.current.setPointerCapture(event.pointerId);
    current.current = {pointer: event.pointerId, erase, radius, points: [place(event)]};
    draw();
  };
  const move = (event) => {
    showCursor(event);
    if (current.current?.pointer !== event.pointerId) return;
    const events = event.getCoalescedEvents?.() ?? [];
    current.current.points.push(...(events.length ? events : [event]).map(place));
    draw();
  };
  const end = (event) => {
    if (current.current?.pointer !== event.pointerId) return;
    const {points, ...stroke} = current.current;
    current.current = null;
    if (event.type === "pointerup") addStroke({erase: stroke.erase, radius: stroke.radius, points: thinOut(points, stroke.radius)});
    else draw();
  };
  const showCursor = (event) => {
    const [x, y] = place(event);
    Object.assign(cursor.current.style, {left: `${100 * x}%`, top: `${100 * y}%`, visibility: event.pointerType === "touch" ? "hidden" : "visible"});
  };
  const resize = (event) => {
    event.preventDefault();
    setRadius(radius * (event.deltaY < 0 ? GROWTH : 1 / GROWTH));
  };
  return html`<div class="paper">
    <canvas ref=${canvas} data-testid="brush-layer" role="img" aria-label="Region that may change; paint with the pointer"
      onPointerDown=${start} onPointerMove=${move} onPointerUp=${end} onPointerCancel=${end} onWheel=${resize}
      onPointerLeave=${() => (cursor.current.style.visibility = "hidden")} />
    <span ref=${cursor} class="brush-cursor" data-erase=${erase ? "" : null} style=${{width: `${200 * radius}%`}} aria-hidden="true"></span>
  </div>`;
}

// The canvas at one pixel per pixel of the screen.
function fitToPage(canvas) {
  const width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
  const height = Math.max(1, Math.round(canvas.clientHeight * devicePixelRatio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
  return {width, height};
}

function setRadius(radius) {
  store.show({brushRadius: Math.min(Math.max(radius, RADIUS.least), RADIUS.most)});
}

export function BrushTools() {
  const painting = useStore(({view}) => Boolean(view.brush));
  const erase = useStore(({view}) => Boolean(view.brushErase));
  const radius = useStore(({view}) => radiusOf(view));
  const count = useStore(({state}) => state.strokes.length);
  useEffect(() => {
    const leave = (event) => event.key === "Escape" && setPainting(false);
    if (painting) addEventListener("keydown", leave);
    return () => removeEventListener("keydown", leave);
  }, [painting]);
  const clear = () => store.update((state) => ({...state, strokes: []}), {label: "whole picture"});
  return html`<div class="brush-tools" role="group" aria-label="Region that may change">
    <button class="quiet" data-testid="brush" aria-pressed=${painting} onClick=${() => setPainting(!painting)}
      title=${count ? "Only the painted region may change; press to see and paint it." : "Paint where the picture may change; nothing outside changes."}>
      <${Icon} name="brush" />Brush${count > 0 && html`<span class="dot" aria-label="a region is painted"></span>`}</button>
    ${painting && html`<button class="quiet icon" data-testid="brush-erase" aria-pressed=${erase} aria-label="Erase" title="Take away from the region."
        onClick=${() => store.show({brushErase: !erase})}><${Icon} name="eraser" /></button>
      <input class="brush-size" type="range" min=${RADIUS.least} max=${RADIUS.most} step="0.005" value=${radius} data-testid="brush-size" aria-label="Size of the brush"
        title="Size of the brush; the wheel over the picture changes it too." onInput=${({target}) => setRadius(Number(target.value))} />`}
    ${(painting || count > 0) && html`<button class="quiet" data-testid="brush-clear" aria-label="Clear the region" disabled=${!count} title="Let the whole picture change again." onClick=${clear}><${Icon} name="close" />Clear</button>`}
  </div>`;
}
