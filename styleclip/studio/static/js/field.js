// A text field that keeps what is being typed until Enter or leaving it; Escape gives the old text back.
import {html, useRef, useState} from "../vendor/preact-htm.js";
import {round} from "./slider.js";

// `commit(text)` runs when the text changed. `keys(event, text)` sees key presses first.
export function Field({value, commit, keys, testid, label, title, placeholder, type = "text", list, ...others}) {
  const [draft, setDraft] = useState(null);
  const escaped = useRef(false);
  const finish = (event) => {
    const text = event.target.value;
    setDraft(null);
    if (!escaped.current && text !== value) commit(text);
    escaped.current = false;
  };
  const onKeyDown = (event) => {
    if (keys?.(event, event.target.value)) return setDraft(null);
    if (event.key === "Enter") event.target.blur();
    else if (event.key === "Escape") {
      escaped.current = true;
      event.target.blur();
    }
  };
  return html`<input type=${type} value=${draft ?? value} placeholder=${placeholder} title=${title} aria-label=${label} data-testid=${testid}
    autocomplete="off" spellcheck=${false} maxlength="500" ...${others}
    onInput=${(event) => setDraft(event.target.value)} onBlur=${finish} onKeyDown=${onKeyDown} />`;
}

// A field of a number; arrow keys step it. `commit(number)` runs when it changed.
export function NumberField({value, commit, step, fine, digits = 2, least = -100, most = 100, ...others}) {
  const shown = value === null ? "" : String(Number(value.toFixed(digits)));
  const parse = (text) => Number(text.trim().replace(",", ".").replace("−", "-"));
  const give = (number) => Number.isFinite(number) && commit(Math.min(Math.max(number, least), most));
  const keys = (event, text) => {
    const sign = {ArrowUp: 1, ArrowDown: -1}[event.key];
    if (!sign) return false;
    event.preventDefault();
    const unit = event.shiftKey ? fine : step;
    give(round(parse(text) + sign * unit, fine));
    return true;
  };
  return html`<${Field} ...${others} value=${shown} inputmode="decimal" keys=${keys} commit=${(text) => text.trim() && give(parse(text))} />`;
}
