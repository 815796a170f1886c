// A button that opens a panel below it, and a menu: a panel of choices in which arrow keys move. Escape closes both.
import {html, useEffect, useRef, useState} from "../vendor/preact-htm.js";
import {Icon} from "./icons.js";

// `panel(close)` is what opens; `close(true)` gives the focus back to the button. `popup` is the role of the panel, `keys(event,
// panel)` sees key presses first and is true for those it takes.
export function Dropdown({label, title, testid, icon, kind = "plain", align = "end", popup, keys, opened, panel}) {
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
    opened?.(root.current);
    return () => document.removeEventListener("pointerdown", outside);
  }, [open]);
  const onKey = (event) => {
    if (!open) return;
    if (event.key === "Escape") close(true);
    else if (event.key === "Tab") return close(false);
    else if (!keys?.(event, root.current)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<div class="menu" ref=${root} onKeyDown=${onKey}>
    <button class=${kind} data-testid=${testid} title=${title} aria-label=${label} aria-haspopup=${popup} aria-expanded=${open} onClick=${() => setOpen(!open)}>
      ${icon && html`<${Icon} name=${icon} />`}<span>${label}</span><${Icon} name="more" />
    </button>
    ${open && html`<div class="menu-list" role=${popup} aria-label=${label} data-align=${align}>${panel(close)}</div>`}
  </div>`;
}

const CHOICE = "[role=menuitem]:not(:disabled)";

// items: [{label, title, testid, run, disabled, group}]; a change of `group` draws a line.
export function Menu({items, ...others}) {
  const keys = (event, root) => {
    const choices = [...root.querySelectorAll(CHOICE)];
    const at = choices.indexOf(document.activeElement);
    const to = {ArrowDown: at + 1, ArrowUp: at - 1 + choices.length, Home: 0, End: choices.length - 1}[event.key];
    if (to === undefined) return false;
    choices[to % choices.length]?.focus();
    return true;
  };
  const panel = (close) => items.map((item, i) => html`<button role="menuitem" tabindex="-1" key=${item.label} title=${item.title} disabled=${item.disabled}
    class=${i > 0 && item.group !== items[i - 1].group ? "group" : ""} data-testid=${item.testid}
    onClick=${() => { close(true); item.run(); }}>${item.label}</button>`);
  return html`<${Dropdown} ...${others} popup="menu" keys=${keys} opened=${(root) => root.querySelector(CHOICE)?.focus()} panel=${panel} />`;
}
