// The strip of earlier states with small pictures; a click goes back to one.
import {html, useEffect, useRef} from "../vendor/preact-htm.js";
import {store, useStore} from "./store.js";
import {viewer} from "./viewer.js";

const THUMBNAIL_PX = 96;
const MARGIN = 4; // px around an entry that is scrolled to

const pictures = new WeakMap(); // state -> data URL of its full frame

viewer.onRest((state) => {
  const picture = viewer.thumbnail(THUMBNAIL_PX);
  if (!picture) return;
  pictures.set(state, picture);
  store.show({pictured: state});
});

// A state that is left before its full frame came keeps the picture that was shown.
let left = store.state;
store.onChange((state) => {
  const isEntry = store.entries[store.position - 1]?.state === left;
  if (isEntry && !pictures.has(left)) pictures.set(left, viewer.thumbnail(THUMBNAIL_PX));
  left = state;
});

export function History() {
  const length = useStore((s) => s.entries.length);
  const position = useStore((s) => s.position);
  useStore(({view}) => view.pictured); // render when a picture arrives, not at every step of a drag
  const {entries} = store;
  const strip = useRef();
  useEffect(() => scrollTo(strip.current, position), [length, position]);
  return html`<div class="history" ref=${strip} data-testid="history" role="group" aria-label="Earlier states">
    ${entries.map((entry, i) => html`<button key=${i} class="thumb" data-testid="entry" aria-pressed=${i === position} data-later=${i > position ? "" : null}
      aria-label=${`${i + 1}: ${entry.label}`} title=${title(entry)} onClick=${() => store.go(i)}>
      ${pictures.get(entry.state) ? html`<img src=${pictures.get(entry.state)} alt="" draggable=${false} />` : html`<span class="blank" aria-hidden="true">${entry.label}</span>`}
    </button>`)}
  </div>`;
}

// Bring an entry into view, without moving the page.
function scrollTo(strip, position) {
  const {offsetLeft, offsetWidth} = strip.children[position];
  strip.scrollLeft = Math.min(Math.max(strip.scrollLeft, offsetLeft + offsetWidth + MARGIN - strip.clientWidth), offsetLeft - MARGIN);
}

function title({label, time}) {
  const clock = new Date(time).toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"});
  return `${label[0].toUpperCase()}${label.slice(1)}, at ${clock}; press to go back to it.`;
}
