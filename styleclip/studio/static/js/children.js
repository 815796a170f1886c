// The child of the generator that draws: an adapted generator, and how much of it.
import {html} from "../vendor/preact-htm.js";
import {Slider} from "./slider.js";
import {store, useStore} from "./store.js";

const DIGITS = 2; // of an amount

function setChild(child, label, key = null) {
  store.update((state) => ({...state, child}), {label, key});
}

export function Children() {
  const listed = useStore(({view}) => view.about?.children) ?? [];
  const model = useStore(({view}) => view.about?.model.name);
  const child = useStore(({state}) => state.child);
  if (!listed.length && !child) return null;
  const known = listed.some(({sha256}) => sha256 === child?.sha256);
  const choose = ({target}) => {
    const chosen = listed.find(({sha256}) => sha256 === target.value);
    if (chosen) setChild({name: chosen.name, sha256: chosen.sha256, amount: child?.amount || 1, parent_layers: ""}, chosen.name);
    else setChild(null, model);
  };
  return html`<section class="section children" aria-label="Adapted generator">
    <h2>Drawn by</h2>
    <select data-testid="child" aria-label="The generator that draws" title="The generator itself, or one that was adapted from it (styleclip adapt)." value=${child?.sha256 ?? ""} onChange=${choose}>
      <option value="">${model}</option>
      ${child && !known && html`<option value=${child.sha256}>${child.name} (not here)</option>`}
      ${listed.map(({name, sha256, target}) => html`<option key=${sha256} value=${sha256} title=${target}>${name}</option>`)}
    </select>
    ${child && html`<${Amount} child=${child} />`}
  </section>`;
}

function Amount({child}) {
  const text = child.amount.toFixed(DIGITS);
  const set = (amount, key = "amount") => setChild({...child, amount}, `amount ${amount}`, key);
  return html`<div class="psi amount"><span title="0 is the generator itself, 1 the adapted one.">Amount</span>
    <${Slider} value=${child.amount} min=${0} max=${1} step=${0.05} fine=${0.01} label="Amount of the adapted generator" text=${text} testid="amount" change=${set} reset=${() => set(1, null)}
      title="Amount: 0 draws as the generator itself, 1 as the adapted one; a double click is 1." />
    <output>${text}</output></div>
    ${child.parent_layers && html`<p class="hint">Layers ${child.parent_layers} are those of the generator itself.</p>`}`;
}
