// The picture: two canvases, the edited one and over it the source, cut at the divider.
import {html, useEffect, useRef} from "../vendor/preact-htm.js";
import {BrushLayer, BrushTools} from "./brush.js";
import {Icon} from "./icons.js";
import {frameIsPhoto} from "./open_files.js";
import {store, useStore} from "./store.js";

const LEAST_SIDE = 640; // small pictures are enlarged up to this many pixels of the page
const FIRST_WIDTH = 512; // asked for before the picture has a place
const rest = new Set();
const shown = {after: null, before: null, beforeKey: null};
let canvases = null;
let extent = null; // width and height of the frame in device pixels; reading them anew would lay out the page

export const viewer = {
  // The width in device pixels that a picture may use.
  width() {
    return extent?.width || FIRST_WIDTH;
  },
  draw(bitmap) {
    shown.after?.close();
    shown.after = bitmap;
    paint("after");
  },
  // The source of the edit; `key` says of which face. null where it is not known yet.
  drawBefore(bitmap, key) {
    shown.before?.close();
    shown.before = bitmap;
    shown.beforeKey = key;
    paint("before");
  },
  beforeKey: () => shown.beforeKey,
  // The edited picture, an ImageBitmap, and null before the first.
  picture: () => shown.after,
  // `listener(state, facts)` runs after each full frame is drawn.
  onRest(listener) {
    rest.add(listener);
    return () => rest.delete(listener);
  },
  tellRest(state, facts) {
    for (const listener of rest) listener(state, facts);
  },
  // A data URL of the shown picture, `size` pixels on its longer side.
  thumbnail(size) {
    if (!shown.after) return null;
    const scale = size / Math.max(shown.after.width, shown.after.height);
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(shown.after.width * scale));
    canvas.height = Math.max(1, Math.round(shown.after.height * scale));
    paintOn(canvas, shown.after);
    return canvas.toDataURL("image/jpeg", 0.85);
  },
};

function paint(name) {
  if (!canvases) return;
  const bitmap = shown[name];
  const canvas = canvases[name];
  canvas.hidden = !bitmap;
  if (!bitmap) return;
  const {width, height} = extent;
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
  paintOn(canvas, bitmap);
}

function paintOn(canvas, bitmap) {
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
}

export function Viewer() {
  const size = useStore(({view}) => view.size);
  const divider = useStore(({view}) => view.divider) ?? 0;
  const peek = useStore(({view}) => view.peek);
  const frame = useRef();
  const [width, height] = size ?? [1, 1];
  useEffect(() => {
    canvases = {after: frame.current.querySelector(".after"), before: frame.current.querySelector(".before")};
    const measure = () => {
      const {width, height} = frame.current.getBoundingClientRect();
      extent = {width: Math.max(1, Math.round(width * devicePixelRatio)), height: Math.max(1, Math.round(height * devicePixelRatio))};
      ["after", "before"].forEach(paint);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const style = {"--aspect": width / height, "--most": `${Math.max(LEAST_SIDE, 2 * width)}px`, "--divider": `${divider}%`};
  return html`<div class="stage">
    <div class="frame" ref=${frame} style=${style} data-peek=${peek ? "" : null} data-split=${divider > 0 ? "" : null}>
      <canvas class="after" data-testid="canvas" role="img" aria-label="The edited picture"></canvas>
      <canvas class="before" role="img" aria-label="The source picture"></canvas>
      <${BrushLayer} />
      <span class="tag tag-before" aria-hidden="true">before</span><span class="tag tag-after" aria-hidden="true">after</span>
      <input class="divider" type="range" min="0" max="100" step="0.5" value=${divider} data-testid="divider"
        aria-label="Divider between before and after, in percent" title="Drag to compare: left of the line is the picture before the edit, right of it the one after. Double-click puts it away."
        onInput=${(event) => store.show({divider: Number(event.target.value)})} onDblClick=${() => store.show({divider: 0})} />
      <${Pending} />
    </div>
    <${Banner} />
  </div>`;
}

function Pending() {
  const job = useStore(({view}) => view.pending);
  const progress = useStore(({view}) => view.jobs?.[job?.key]) ?? job;
  if (!job) return null;
  return html`<div class="pending"><span>${sentence(progress.what)}</span>
    <progress max=${progress.total || 1} value=${progress.step} aria-label=${progress.what}></progress></div>`;
}

function Banner() {
  const connected = useStore(({view}) => view.connected);
  const status = useStore(({view}) => view.status);
  return html`<div class="banner" aria-hidden="true">${connected === false && html`<span>${status?.text}</span>`}</div>`;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// The line under the picture: what is shown, and the tools of the picture.
export function Toolbar() {
  return html`<div class="toolbar">
    <${Readout} />
    <div class="tools"><${BrushTools} /><${ShowChoice} /><${PeekButton} /></div>
  </div>`;
}

function Readout() {
  const facts = useStore(({view}) => view.readout);
  const identity = useStore(({view}) => view.identity);
  const size = facts?.size;
  return html`<div class="readout" data-testid="readout">
    <span class="fact wide" title="Size of the full picture in pixels.">${size ? `${size[0]} × ${size[1]}` : " "}</span>
    <span class="fact" title=${`Time that the server took to render this frame${facts?.full_ms ? `; a full picture takes ${Math.round(facts.full_ms)} ms` : ""}.`}>${facts ? `${Math.round(facts.ms)} ms` : " "}</span>
    <span class="fact wide" data-stale=${identity?.stale ? "" : null}
      title="Likeness of the person before and after by a face recognition network: 1 is the same picture.">
      ${identity?.value != null ? `identity ${identity.value.toFixed(2)}` : " "}</span>
    ${facts?.preview && html`<span class="fact wide" title="While you drag, a quicker picture of fewer pixels is shown.">
      preview ${facts.preview} px${facts.full_ms ? `, full ${(facts.full_ms / 1000).toFixed(1)} s` : ""}</span>`}
  </div>`;
}

function ShowChoice() {
  const isPhoto = useStore(({state}) => Boolean(state.face.photo));
  const whole = useStore(({state, view}) => frameIsPhoto(view, state.face.photo));
  const chosen = useStore(({view}) => view.view) ?? "frame";
  if (!isPhoto) return null;
  const show = whole ? "frame" : chosen;
  const pasted = whole ? "This picture is all face, so there is no photo around it." : "Show the whole photo with the edited face pasted back.";
  const button = (name, label, title, disabled = false) => html`<button aria-pressed=${show === name} title=${title} disabled=${disabled} data-testid=${`view-${name}`}
    onClick=${() => store.show({view: name, ...(name === "photo" ? {brush: false} : {})})}>${label}</button>`;
  return html`<div class="choice" role="group" aria-label="What is shown">
    ${button("frame", "Face", "Show the aligned face.")}${button("photo", "Photo", pasted, whole)}</div>`;
}

function PeekButton() {
  const peek = useStore(({view}) => view.peek) ?? false;
  const set = (value) => () => store.show({peek: value});
  const key = (value) => (event) => [" ", "Enter"].includes(event.key) && store.show({peek: value});
  return html`<button class="quiet" aria-pressed=${peek} title="Hold to see the picture before the edit; the space bar and the key B do the same."
    onPointerDown=${set(true)} onPointerUp=${set(false)} onPointerLeave=${set(false)} onPointerCancel=${set(false)}
    onKeyDown=${key(true)} onKeyUp=${key(false)} onBlur=${set(false)} onContextMenu=${(event) => event.preventDefault()}>
    <${Icon} name="eye" />Before</button>`;
}
