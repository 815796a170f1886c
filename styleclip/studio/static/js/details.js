// The opened part of a row: focus, how the text was understood, baking, and the order.
import {html} from "../vendor/preact-htm.js";
import {NumberField} from "./field.js";
import {Icon} from "./icons.js";
import {round, shortNumber, Slider} from "./slider.js";
import {store, useStore} from "./store.js";

export function Details({row, facts, change, move, index, last}) {
  return html`<div class="details">
    ${row.kind === "text" && html`<${Focus} row=${row} facts=${facts} change=${change} />`}
    ${row.kind === "direction" && facts.range && html`<${Origin} facts=${facts} />`}
    ${facts.understood?.length > 0 && html`<p class="hint">${facts.understood.join("; ")}</p>`}
    <div class="details-foot">
      ${row.kind === "text" && html`<${Relevance} row=${row} change=${change} /><${Bake} row=${row} change=${change} />`}
      ${row.kind === "optimize" && html`<button class="plain small" title="Replace the optimized step by the direction of this prompt."
        onClick=${() => change({kind: "text", relevance: "auto", beta: null, face: undefined}, "direction again")}>Back to a direction</button>`}
      <span class="order">
        <button class="quiet icon" data-testid="row-up" disabled=${index === 0} aria-label="Move up" title="Move this edit up."
          onClick=${() => move(index - 1)}><${Icon} name="up" /></button>
        <button class="quiet icon" data-testid="row-down" disabled=${last} aria-label="Move down" title="Move this edit down."
          onClick=${() => move(index + 1)}><${Icon} name="down" /></button>
      </span>
    </div>
  </div>`;
}

// What a file tells of its direction.
function Origin({facts: {range, unit, unit_of, space, layers, absolute, source, licence}}) {
  const known = [
    ["Range", range.map(shortNumber).join(" to ")],
    ["Unit", unit && `${shortNumber(unit)}, a change of 0.1 in ${unit_of === "clip" ? "CLIP" : "identity"}`],
    ["Space", space && [space.toUpperCase(), layers && `layers ${layers}`, absolute && "absolute"].filter(Boolean).join(", ")],
    ["Found by", source],
    ["Licence", licence],
  ];
  return html`<dl class="origin" data-testid="row-origin">${known.filter(([, value]) => value).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

const MOST_SHARE = 1; // beta of a regression: a share of the largest step
const MOST_RELEVANCE = 0.4; // beta of a table: a cosine

// Beta of the method: channels less relevant than it stay as they are.
function Focus({row, facts, change}) {
  const value = row.beta ?? facts.beta ?? 0;
  const most = facts.understood ? MOST_SHARE : MOST_RELEVANCE;
  const set = (beta, reopen = false) => change({beta}, `focus ${beta}`, `beta:${row.id}`, reopen);
  const count = facts.channels == null ? " " : `${facts.channels} of ${facts.total_channels}`;
  return html`<div class="focus">
    <span class="focus-name">Focus</span>
    <${Slider} value=${value} min=${0} max=${Math.max(most, value)} step=${0.01} fine=${0.005} label="Focus (beta)" text=${String(value)} testid="row-beta"
      change=${set} reset=${() => set(null, true)} title="Focus: further right, fewer channels change and more of the face stays; a double click is the default." />
    <${NumberField} class="number" value=${value} step=${0.01} fine=${0.005} digits=${3} least=${0} most=${10} testid="row-beta-number"
      commit=${(beta) => set(round(beta, 0.0001))} label="Focus (beta) as a number" title="Type a beta; Enter applies it." />
    <span class="channels" title="Channels of the generator that this edit changes.">${count}</span>
  </div>`;
}

function Relevance({row, change}) {
  const choices = useStore(({view}) => view.about?.relevance) ?? [];
  if (choices.length < 2) return null;
  // Strength and beta count in the units of the relevance.
  const choose = ({target}) => change({relevance: target.value, strength: null, beta: null}, `found by ${target.value}`);
  return html`<label class="relevance"><span>Found by</span>
    <select value=${row.relevance} onChange=${choose} data-testid="row-relevance"
      title="How the direction of the text is found: by regression on samples, or by the relevance table of the published method, where strengths of about 4 are usual.">
      ${["auto", ...choices].map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
    </select></label>`;
}

function Bake({row, change}) {
  const bake = () => {
    const {id, on, prompt, neutral, force} = row;
    change({id, on, prompt, neutral, force, kind: "optimize", strength: 1, face: {...store.state.face}, relevance: undefined, beta: undefined}, `optimized ${prompt}`);
  };
  return html`<button class="plain small" data-testid="row-bake" title="Find this edit for this one face by optimization: slower, and often better." onClick=${bake}>Optimize</button>`;
}
