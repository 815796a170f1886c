// A list to choose from, filtered by the words that are typed; arrow keys move in it, Enter chooses.
import {html, useEffect, useRef, useState} from "../vendor/preact-htm.js";

const MOST_SHOWN = 300; // choices at once, so that typing stays quick

// items: [{id, label, group, note, title, disabled}], those of a group side by side.
// `pick(item)` runs with the choice; `empty` is said where there are no items.
export function Picker({items, pick, label, empty}) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const field = useRef();
  const list = useRef();
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = items.filter((item) => words.every((word) => `${item.group ?? ""} ${item.label}`.toLowerCase().includes(word)));
  const choices = found.slice(0, MOST_SHOWN).filter(({disabled}) => !disabled);
  const active = choices[Math.min(at, choices.length - 1)];
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) field.current?.focus(); // elsewhere a keyboard would cover the list
  }, [items.length === 0]);
  useEffect(() => list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({block: "nearest"}), [active]);
  const onKeyDown = (event) => {
    const to = {ArrowDown: at + 1, ArrowUp: at - 1}[event.key];
    if (to !== undefined) setAt((to + choices.length) % (choices.length || 1));
    else if (event.key === "Enter" && active) pick(active);
    else return;
    event.preventDefault();
  };
  const search = (event) => {
    setText(event.target.value);
    setAt(0);
  };
  if (!items.length) return html`<p class="hint picker-empty">${empty}</p>`;
  return html`<div class="picker">
    <input ref=${field} type="search" value=${text} placeholder=${`Filter ${items.length}`} data-testid="picker-filter" aria-label=${`Filter: ${label}`} role="combobox"
      aria-expanded="true" aria-controls="picker-list" aria-activedescendant=${active && `picker-${active.id}`} autocomplete="off" spellcheck=${false} maxlength="200" onInput=${search} onKeyDown=${onKeyDown} />
    <div ref=${list} class="picker-list" id="picker-list" role="listbox" aria-label=${label} data-testid="picker-list">
      ${found.slice(0, MOST_SHOWN).map((item, i) => html`
        ${item.group && item.group !== found[i - 1]?.group && html`<p class="picker-group" role="presentation" key=${`group ${item.group}`}>${item.group}</p>`}
        <${Choice} key=${item.id} item=${item} active=${item === active} pick=${pick} />`)}
      ${!found.length && html`<p class="hint">Nothing here is called so.</p>`}
      ${found.length > MOST_SHOWN && html`<p class="hint">Type a part of a name to see the other ${found.length - MOST_SHOWN}.</p>`}
    </div>
  </div>`;
}

const keepFocus = (event) => event.preventDefault(); // in the field

function Choice({item, active, pick}) {
  const {id, label, note, title, disabled} = item;
  return html`<div class="picker-choice" role="option" id=${`picker-${id}`} aria-selected=${active} aria-disabled=${disabled ? "true" : null} title=${title} data-testid="picker-choice"
    onMouseDown=${keepFocus} onClick=${() => !disabled && pick(item)}><span>${label}</span><span class="picker-note">${note}</span></div>`;
}
