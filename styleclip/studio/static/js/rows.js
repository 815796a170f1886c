// The panel of edits: a field that makes a prompt a row, examples, and the rows.
import {html, useLayoutEffect, useRef, useState} from "../vendor/preact-htm.js";
import {DirectionMenu} from "./directions.js";
import {Icon} from "./icons.js";
import {Menu} from "./menu.js";
import {Row} from "./row.js";
import {addRow, addTextRow, MOST_ROWS, moveRow, store, useStore} from "./store.js";

export function Rows() {
  const ids = useStore(({state}) => state.rows.map((row) => row.id).join(" "));
  const list = ids ? ids.split(" ") : [];
  const focused = document.activeElement; // loses the focus when its row is put elsewhere
  useLayoutEffect(() => {
    if (document.activeElement === document.body && focused?.isConnected) focused.focus({preventScroll: true});
  }, [ids]);
  return html`<section class="edits" aria-label="Edits">
    <${AddRow} count=${list.length} />
    <${Examples} few=${list.length === 0} />
    <ol class="rows" data-testid="rows">
      ${list.map((id, index) => html`<${Row} key=${id} id=${id} index=${index} last=${index === list.length - 1} grab=${grab} />`)}
    </ol>
  </section>`;
}

function AddRow({count}) {
  const input = useRef();
  const [text, setText] = useState("");
  const example = useStore(({view}) => view.about?.examples?.[0]);
  const full = count >= MOST_ROWS;
  const add = (event) => {
    event.preventDefault();
    const prompt = text.trim();
    if (!prompt || full) return;
    reveal(addTextRow(prompt));
    setText("");
    input.current.focus();
  };
  return html`<form class="add" onSubmit=${add}>
    <input ref=${input} type="text" value=${text} data-testid="prompt-input" aria-label="Prompt of a new edit" maxlength="500" autocomplete="off"
      placeholder=${example ? `Type e.g. ${example}` : "Describe a change"} title="Say what the picture should show, then press Enter."
      onInput=${(event) => setText(event.target.value)} />
    <button class="main icon" data-testid="add-row" disabled=${full} aria-label="Add the edit"
      title=${full ? `There are at most ${MOST_ROWS} edits.` : "Add a slider for this prompt."}><${Icon} name="plus" /></button>
  </form>`;
}

// Prompts that work on this model, its mappers, and the directions of the library.
function Examples({few}) {
  const about = useStore(({view}) => view.about);
  const prompts = useStore(({state}) => state.rows.map((row) => row.prompt ?? "").join("\n")).split("\n");
  const mappers = (about?.mappers ?? []).map(({name, prompt}) => ({
    label: prompt ?? name, title: `Add the trained mapper ${name}.`, run: () => reveal(addRow({kind: "mapper", strength: null, name}, name)),
  }));
  const examples = about?.examples ?? [];
  return html`<div class="suggestions" data-few=${few ? "" : null}>
    ${few && html`<p class="hint">Each prompt becomes a slider: 1 is what it says, 0.5 half of it. Several add up.${examples.length > 0 && " These work here:"}</p>`}
    <div class="examples" data-testid="examples" role="group" aria-label="Examples">
      ${examples.filter((prompt) => !prompts.includes(prompt)).map((prompt) => html`<button class="chip" key=${prompt} data-testid="example"
        title=${`Add a slider for “${prompt}”.`} onClick=${() => reveal(addTextRow(prompt))}>${prompt}</button>`)}
    </div>
    <${DirectionMenu} added=${reveal} />
    ${mappers.length > 0 && html`<${Menu} label="Mappers" title="Add a mapper, a network trained for one prompt." testid="mappers" items=${mappers} kind="quiet" />`}
  </div>`;
}

// Scroll to a new row once it is drawn.
function reveal(id) {
  requestAnimationFrame(() => document.querySelector(`.row[data-id="${id}"]`)?.scrollIntoView({block: "nearest"}));
}

// Drag row `id` by its grip: it takes the place of the row under the pointer.
function grab(id, event) {
  if (event.button !== 0) return;
  const grip = event.currentTarget;
  const row = grip.closest(".row");
  event.preventDefault();
  store.hold();
  row.dataset.dragged = "";
  const key = `order:${id}:${event.timeStamp}`;
  const move = ({clientY}) => {
    const boxes = [...row.parentElement.children].filter((item) => item !== row).map((item) => item.getBoundingClientRect());
    moveRow(id, boxes.filter((box) => clientY > box.top + box.height / 2).length, key);
  };
  const stop = new AbortController();
  const end = () => {
    stop.abort();
    delete row.dataset.dragged;
    store.release();
    grip.focus({preventScroll: true});
  };
  addEventListener("pointermove", move, {signal: stop.signal});
  for (const name of ["pointerup", "pointercancel"]) addEventListener(name, end, {signal: stop.signal});
}
