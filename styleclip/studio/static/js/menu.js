// A button that opens a list of choices; arrow keys move in it, Escape closes it.
import {html, useEffect, useRef, useState} from "../vendor/preact-htm.js";
import {Icon} from "./icons.js";

// items: [{label, title, testid, run, disabled, group}]; a change of `group` draws a line.
export function Menu({label, title, testid, items, icon, kind = "plain", align = "end"}) {
  const [open, setOpen] = useState(false);
  const root = useRef();
  const close = (focus) => {
    setOpen(false);
    if (focus) root.current.querySelector("button").focus();
  };
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event) => root.current.contains(event.target) || setOpen(false);
    document.addEventListener("pointerdown", outside);
    root.current.querySelector("[role=menuitem]:not(:disabled)")?.focus();
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  const onKey = (event) => {
    if (!open) return;
    const choices = [...root.current.querySelectorAll("[role=menuitem]:not(:disabled)")];
    const at = choices.indexOf(document.activeElement);
    const to = {ArrowDown: at + 1, ArrowUp: at - 1 + choices.length, Home: 0, End: choices.length - 1}[event.key];
    if (to !== undefined) choices[to % choices.length]?.focus();
    else if (event.key === "Escape") close(true);
    else if (event.key === "Tab") return close(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<div class="menu" ref=${root} onKeyDown=${onKey}>
    <button class=${kind} data-testid=${testid} title=${title} aria-label=${label} aria-haspopup="menu" aria-expanded=${open} onClick=${() => setOpen(!open)}>
      ${icon && html`<${Icon} name=${icon} />`}<span>${label}</span><${Icon} name="more" />
    </button>
    ${open && html`<div class="menu-list" role="menu" aria-label=${label} data-align=${align}>
      ${items.map((item, i) => html`<button role="menuitem" tabindex="-1" key=${item.label} title=${item.title} disabled=${item.disabled}
        class=${i > 0 && item.group !== items[i - 1].group ? "group" : ""} data-testid=${item.testid}
        onClick=${() => { close(true); item.run(); }}>${item.label}</button>`)}
    </div>`}
  </div>`;
}
