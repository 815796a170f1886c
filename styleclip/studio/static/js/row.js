// One edit: prompt, strength, and what the server says about it.
import {html, useRef, useState} from "../vendor/preact-htm.js";
import {Details} from "./details.js";
import {connection} from "./connection.js";
import {shortLicence} from "./directions.js";
import {Field, NumberField} from "./field.js";
import {Icon} from "./icons.js";
import {round, shortNumber, Slider, stepsOf} from "./slider.js";
import {changeRow, moveRow, removeRow, rowName, store, useStore} from "./store.js";

const RANGE = [-2, 2];
const STEPS = {step: 0.05, fine: 0.01, digits: 2};
const KINDS = {
  mapper: ["mapper", "A network that was trained for this prompt."],
  direction: ["direction", "A direction of the library or of a file."],
  optimize: ["optimized", "An edit that was optimized for one face."],
};
const NOTHING = {};

export function Row({id, index, last, grab}) {
  const row = useStore(({state}) => state.rows.find((row) => row.id === id));
  const facts = useStore(({view}) => view.rows?.[id]) ?? NOTHING;
  const mappers = useStore(({view}) => view.about?.mappers);
  const [open, setOpen] = useState(false);
  if (!row) return null;
  const name = (row.kind === "mapper" && mappers?.find((mapper) => mapper.name === row.name)?.prompt) || rowName(row);
  const change = (values, label, key = null, reopen = false) => changeRow(id, values, {label, key, reopen});
  const move = (to) => moveRow(id, to);
  const gripKey = (event) => {
    const to = {ArrowUp: index - 1, ArrowDown: index + 1}[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  };
  return html`<li class="row" data-testid="row" data-id=${id} data-off=${row.on ? null : ""} data-open=${open ? "" : null}>
    <div class="row-head">
      <button class="grip" aria-label=${`Move ${name}`} title="Drag to change the order; the arrow keys move it too." onKeyDown=${gripKey}
        onPointerDown=${(event) => grab(id, event)}><${Icon} name="grip" /></button>
      <input type="checkbox" class="switch" role="switch" checked=${row.on} data-testid="row-on" aria-label=${`${name}: on`}
        title=${row.on ? "Switch this edit off; it keeps its strength." : "Switch this edit on."}
        onChange=${(event) => change({on: event.target.checked}, `${name} ${event.target.checked ? "on" : "off"}`)} />
      ${row.kind === "text"
        ? html`<${Field} class="prompt" value=${row.prompt} label="Prompt" testid="row-prompt" title=${`“${row.prompt}”: click to change it; Enter applies it.`}
            commit=${(text) => text.trim() && change({prompt: text.trim(), strength: null, force: undefined}, text.trim())} />`
        : html`<span class="prompt" title=${name}>${name}</span>`}
      ${KINDS[row.kind] && html`<span class="badge" title=${KINDS[row.kind][1]}>${KINDS[row.kind][0]}</span>`}
      <button class="quiet icon" data-testid="row-more" aria-expanded=${open} aria-label=${`More of ${name}`} title="Focus, how the text was read, order."
        onClick=${() => setOpen(!open)}><${Icon} name="more" /></button>
      <button class="quiet icon" data-testid="row-remove" aria-label=${`Remove ${name}`} title="Remove this edit; undo brings it back."
        onClick=${() => removeRow(id)}><${Icon} name="close" /></button>
    </div>
    <${Strength} row=${row} facts=${facts} name=${name} change=${change} />
    <${Facts} row=${row} facts=${facts} change=${change} />
    ${open && html`<${Details} row=${row} facts=${facts} change=${change} move=${move} index=${index} last=${last} />`}
  </li>`;
}

const TITLES = {
  direction: {
    strength: "Strength: how many times the direction is added (alpha), below 0 the opposite. Drag, or use the arrow keys, with shift for fine steps; a double click sets 0.",
    absolute: "Strength: how far along the direction the face is moved to, 0 is the middle. Drag, or use the arrow keys, with shift for fine steps; a double click sets 0.",
    auto: "Use the strength of the file, or one unit; the dot below the slider marks it.",
  },
  other: {
    strength: "Strength: 0 is the face as it is, 1 what the prompt says, below 0 the opposite. Drag, or use the arrow keys, with shift for fine steps; a double click sets 0.",
    auto: "Use the strength that this face needs; the dot below the slider marks it.",
  },
};

function Strength({row, facts, name, change}) {
  const value = row.strength ?? facts.auto ?? 0;
  const held = useRef(RANGE);
  const wide = ([low, high]) => [value < low ? Math.floor(value) : low, value > high ? Math.ceil(value) : high];
  const now = wide(facts.range ?? RANGE);
  // A range never shrinks under the hand.
  held.current = store.held ? [Math.min(now[0], held.current[0]), Math.max(now[1], held.current[1])] : now;
  const [low, high] = held.current;
  const {step, fine, digits} = row.kind === "direction" ? stepsOf(...(facts.range ?? RANGE)) : STEPS;
  const titles = TITLES[row.kind] ?? TITLES.other;
  const set = (strength, reopen = false) => change({strength}, `${name} ${strength}`, `strength:${row.id}`, reopen);
  const marks = [{value: 0, name: "zero"}, ...(facts.auto != null ? [{value: facts.auto, name: "auto"}] : [])];
  const isAuto = row.strength === null || (facts.auto != null && round(facts.auto, fine) === round(value, fine));
  return html`<div class="strength">
    <${Slider} value=${value} min=${low} max=${high} step=${step} fine=${fine} marks=${marks}
      label=${`Strength of ${name}`} text=${String(value)} testid="row-strength" change=${set} reset=${() => set(0, true)}
      title=${facts.absolute ? titles.absolute : titles.strength} />
    <${NumberField} class="number" value=${value} step=${step} fine=${fine} digits=${digits} commit=${(strength) => set(round(strength, fine / 100))}
      testid="row-number" label=${`Strength of ${name} as a number`} title="Type a strength; Enter applies it." />
    <button class="quiet auto" data-testid="row-auto" aria-pressed=${isAuto} title=${titles.auto}
      onClick=${() => change({strength: facts.auto ?? null}, `${name} auto`)}>auto</button>
  </div>`;
}

// One line under the slider: an error, a job, or the neutral and the probability.
function Facts({row, facts, change}) {
  const job = useStore(({view}) => (facts.job ? view.jobs?.[facts.job.key] : null)) ?? facts.job;
  return html`<div class="row-facts" data-testid="row-facts">
    ${facts.error ? html`<p class="error" role="alert" data-testid="row-error">${facts.error}${facts.retry && html` <button class="link" data-testid="row-retry"
        title="Start this work again." onClick=${() => connection.retry(facts.retry)}>Try again</button>`}${facts.can_force && html` <button class="link" data-testid="row-force"
        title="Move the face by the words that CLIP knows, and by noise for the others." onClick=${() => change({force: true}, `${row.prompt} anyway`)}>Edit anyway</button>`}</p>`
      : job ? html`<${Progress} job=${job} />`
      : html`<${Meaning} row=${row} facts=${facts} change=${change} />`}
    ${facts.auto === 0 && !facts.error && html`<p class="hint" data-testid="row-shown">This face shows it already; drag to go further.</p>`}
    ${facts.warning && html`<p class="warning" role="status" data-testid="row-warning" title=${facts.warning}>${facts.warning}</p>`}
  </div>`;
}

function Progress({job}) {
  return html`<div class="job">
    <span title=${job.what}>${[job.stage || job.what, timeLeft(job.seconds_left)].filter(Boolean).join(", ")}</span>
    <progress max=${job.total || 1} value=${job.total ? job.step : undefined} aria-label=${job.what}></progress>
    <button class="quiet small" data-testid="row-stop" title="Stop this work." onClick=${() => connection.stop(job.key)}>stop</button>
  </div>`;
}

function timeLeft(seconds) {
  if (seconds == null || seconds < 20) return "";
  return seconds < 90 ? `about ${Math.round(seconds / 10) * 10} s left` : `about ${Math.round(seconds / 60)} min left`;
}

function Meaning({row, facts, change}) {
  const probability = facts.probability;
  const percent = probability == null ? "" : `${Math.round(probability * 100)} %`;
  return html`<div class="meaning">
    ${row.kind === "text" && html`<label class="neutral"><span>from</span>
      <${Field} value=${row.neutral.join("; ")} placeholder=${facts.neutral?.join("; ") || "what the face shows now"} testid="row-neutral" label="Neutral text"
        title="What the face shows now instead (the neutral text). Left empty, it is found for each face."
        commit=${(text) => change({neutral: text.split(";").map((part) => part.trim()).filter(Boolean)}, "neutral text")} /></label>`}
    ${row.kind === "direction" && html`<${Measure} value=${row.strength ?? facts.auto ?? 0} facts=${facts} />`}
    <span class="probability" data-testid="row-probability" data-stale=${facts.stale ? "" : null}
      title="How much of this prompt CLIP, which compares pictures with texts, sees in the picture.">${percent && html`<span class="bar" style=${{"--part": probability}}></span><span class="percent">${percent}</span>`}</span>
  </div>`;
}

const UNMEASURED = "Nobody has measured its unit yet, the strength at which the identity changes by 0.1; styleclip direction import does.";

// The strength of a direction in units, and its licence.
function Measure({value, facts: {unit, unit_of, licence, range}}) {
  const units = unit ? Number((value / unit).toFixed(1)) : null;
  const meaning = unit && `One unit is strength ${shortNumber(unit)}: on the mean of 64 faces it changes ${unit_of === "clip" ? "what CLIP sees" : "the identity"} by 0.1.`;
  const count = units === null ? "unit not measured" : `${units} ${units === 1 ? "unit" : "units"}`;
  return html`<span class="measure" data-testid="row-measure">
    ${range && html`<span title=${meaning || UNMEASURED}>${count}</span>`}
    ${licence && html`<span class="licence" title=${`Licence: ${licence}`}>${shortLicence(licence)}</span>`}</span>`;
}
