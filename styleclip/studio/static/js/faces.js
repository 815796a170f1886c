// The face that is edited: a seed, dice, truncation, and a strip of samples to choose from.
import {html, useEffect, useState} from "../vendor/preact-htm.js";
import {Icon} from "./icons.js";
import {Slider} from "./slider.js";
import {setFace, store, useStore} from "./store.js";

const SAMPLES = 12; // of the strip
const DICE_SIDES = 10000;
const PSI_WAIT_MS = 300; // after the last change of psi, before the strip is drawn again
const BEST_SEED = 2 ** 53 - 1;
const DEFAULT = {seed: 0, psi: 1};

// The last sample, for the way back from a photo.
let lastSample = DEFAULT;
store.onChange(({face}) => {
  if (!face.photo) lastSample = face;
});

export const sample = () => (store.state.face.photo ? lastSample : store.state.face);

function setSample(values, label, key) {
  setFace({...sample(), ...values}, label, key);
}

export function Faces() {
  const face = useStore(({state}) => state.face);
  const isPhoto = Boolean(face.photo);
  const {seed, psi} = isPhoto ? lastSample : face;
  const [page, setPage] = useState(Math.floor(seed / SAMPLES));
  const rollDice = () => {
    const rolled = Math.floor(Math.random() * DICE_SIDES);
    setSample({seed: rolled}, `seed ${rolled}`);
    setPage(Math.floor(rolled / SAMPLES));
  };
  return html`<section class="section faces" aria-label="Generated face">
    <h2>Face</h2>
    <div class="seed-row">
      <${SeedField} seed=${seed} unused=${isPhoto} />
      <button class="plain icon" data-testid="dice" aria-label="Random face" title="Show a face of a random seed." onClick=${rollDice}><${Icon} name="dice" /></button>
    </div>
    <${Psi} psi=${psi} />
    <${Strip} page=${page} psi=${psi} chosen=${isPhoto ? null : seed} />
    <div class="strip-pages">
      <button class="quiet" data-testid="strip-back" title="Show the faces of smaller seeds." disabled=${page === 0} onClick=${() => setPage(page - 1)}>Back</button>
      <span class="hint">${page * SAMPLES} to ${(page + 1) * SAMPLES - 1}</span>
      <button class="quiet" data-testid="strip-more" title="Show the faces of larger seeds." onClick=${() => setPage(page + 1)}>More</button>
    </div>
  </section>`;
}

function SeedField({seed, unused}) {
  const change = (event) => {
    const typed = Number(event.target.value);
    if (event.target.value === "" || !Number.isInteger(typed) || typed < 0 || typed > BEST_SEED) return;
    setSample({seed: typed}, `seed ${typed}`, "seed");
  };
  const leave = (event) => {
    event.target.value = sample().seed;
  };
  return html`<label class="field" data-unused=${unused ? "" : null}><span>Seed</span>
    <input type="number" min="0" step="1" inputmode="numeric" value=${seed} data-testid="seed" onInput=${change} onBlur=${leave}
      title="The number that a generated face is drawn from; the same seed is the same face everywhere." /></label>`;
}

function Psi({psi}) {
  const set = (value, key = "psi") => setSample({psi: value}, `truncation ${value}`, key);
  return html`<div class="psi"><span title="Below 1 the face comes closer to the average face (psi).">Truncation</span>
    <${Slider} value=${psi} min=${0} max=${1} step=${0.05} fine=${0.01} label="Truncation psi" text=${psi.toFixed(2)} testid="psi" change=${set} reset=${() => set(1, null)}
      title="Truncation: below 1 the face comes closer to the average face; a double click is 1." />
    <output>${psi.toFixed(2)}</output></div>`;
}

function Strip({page, psi, chosen}) {
  const settled = useSettled(psi);
  const child = useSettled(useStore(({state}) => state.child));
  const drawn = child ? `&child=${child.sha256}&amount=${child.amount}&parent_layers=${child.parent_layers}` : "";
  const seeds = Array.from({length: SAMPLES}, (_, i) => page * SAMPLES + i);
  return html`<div class="strip" data-testid="strip" role="group" aria-label="Faces to choose from">
    ${seeds.map((seed) => html`<button key=${seed} class="thumb" data-testid="sample" data-seed=${seed} aria-pressed=${seed === chosen}
      title=${`Edit the face of seed ${seed}.`} aria-label=${`Seed ${seed}`} onClick=${() => setSample({seed}, `seed ${seed}`)}>
      <img src=${`api/thumbnail?seed=${seed}&psi=${settled}${drawn}`} width="44" height="44" alt="" decoding="async" draggable=${false} />
    </button>`)}
  </div>`;
}

// The value once it has not changed for PSI_WAIT_MS.
function useSettled(value) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PSI_WAIT_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}
