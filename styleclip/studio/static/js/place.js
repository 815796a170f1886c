// Where a StyleGAN3 draws the face: moved to the right and down, and turned.
import {html} from "../vendor/preact-htm.js";
import {Slider} from "./slider.js";
import {store, useStore} from "./store.js";

const MOST = 0.5; // of a shift, in widths of the picture, either way
const HALF_TURN = 180; // degrees

function setPlace(values, key) {
  store.update((state) => ({...state, ...values}), {label: "another place", key});
}

export function Place() {
  const movable = useStore(({view}) => Boolean(view.about?.place));
  const translate = useStore(({state}) => state.translate);
  const rotate = useStore(({state}) => state.rotate);
  if (!movable) return null;
  const [x, y] = translate;
  const isMoved = x !== 0 || y !== 0 || rotate !== 0;
  const reset = () => setPlace({translate: [0, 0], rotate: 0}, null);
  return html`<section class="section place" aria-label="Place">
    <h2>Place</h2>
    <${PlaceSlider} name="Right" value=${x} most=${MOST} step=${0.01} digits=${2} testid="shift-x" change=${(value) => setPlace({translate: [value, y]}, "shift x")} />
    <${PlaceSlider} name="Down" value=${y} most=${MOST} step=${0.01} digits=${2} testid="shift-y" change=${(value) => setPlace({translate: [x, value]}, "shift y")} />
    <${PlaceSlider} name="Turn" value=${rotate} most=${HALF_TURN} step=${5} digits=${0} testid="rotate" change=${(value) => setPlace({rotate: value}, "rotate")} />
    ${isMoved && html`<button class="plain" data-testid="reset-place" onClick=${reset}>Reset</button>`}
  </section>`;
}

function PlaceSlider({name, value, most, step, digits, testid, change}) {
  const text = value.toFixed(digits);
  const range = Math.max(most, Math.abs(value));
  return html`<div class="psi"><span>${name}</span>
    <${Slider} value=${value} min=${-range} max=${range} step=${step} fine=${step / 5} label=${`Place: ${name}`} text=${text} testid=${testid} change=${change} reset=${() => change(0)}
      title="A double click is 0." />
    <output>${text}</output></div>`;
}
