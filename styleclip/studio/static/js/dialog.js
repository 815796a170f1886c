// Small modal dialogs, in the browser's own <dialog>: Escape and a click outside close them.
import {html, render} from "../vendor/preact-htm.js";
import {Picker} from "./picker.js";

// Ask for one of `choices` [{label, value, testid, main}]; the promise gives its value, or null where it was closed.
export function ask(title, text, choices) {
  return new Promise((resolve) => {
    const buttons = choices.map(({label, value, testid, main}) => {
      const button = element("button", {className: main ? "main" : "plain", textContent: label});
      button.dataset.testid = testid;
      button.addEventListener("click", () => close(value));
      return button;
    });
    const dialog = open(title, [element("p", {textContent: text})], [...buttons, closeButton("Cancel", () => close(null))]);
    dialog.addEventListener("close", () => close(null));
    let closed = false;
    function close(value) {
      if (closed) return;
      closed = true;
      dialog.close();
      dialog.remove();
      resolve(value);
    }
  });
}

// Ask for one of the items of a `Picker`; the promise gives it, or null where the dialog was closed.
export function choose(title, label, items) {
  return new Promise((resolve) => {
    const content = element("div", {});
    const dialog = open(title, [content], [closeButton("Cancel", () => dialog.close())]);
    const close = (item) => {
      resolve(item); // of several calls the first one counts
      dialog.close();
    };
    dialog.addEventListener("close", () => {
      render(null, content);
      dialog.remove();
      resolve(null);
    });
    render(html`<${Picker} items=${items} label=${label} pick=${close} />`, content);
  });
}

// Show a text to read and to copy; `hint` is a sentence below it.
export function showText(title, text, hint, testid) {
  const area = element("textarea", {value: text, readOnly: true, rows: Math.min(text.split("\n").length + 2, 14)});
  area.dataset.testid = testid;
  area.setAttribute("aria-label", title);
  area.spellcheck = false;
  area.wrap = "off";
  const dialog = open(title, [area, element("p", {className: "hint", textContent: hint})], [closeButton("Close", () => dialog.close())]);
  dialog.addEventListener("close", () => dialog.remove());
  area.focus();
  area.setSelectionRange(0, text.length, "backward"); // so that the start is in view
  return dialog;
}

function open(title, content, buttons) {
  const dialog = element("dialog", {className: "ask"});
  const row = element("div", {className: "ask-buttons"});
  row.append(...buttons);
  dialog.append(element("h2", {textContent: title}), ...content, row);
  dialog.setAttribute("aria-label", title);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("keydown", (event) => event.stopPropagation()); // shortcuts of the page
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function closeButton(label, close) {
  const button = element("button", {className: "quiet", textContent: label});
  button.dataset.testid = "dialog-close";
  button.addEventListener("click", close);
  return button;
}

function element(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
