// Keys of the whole page: undo, redo, and holding to see the source.
import {store} from "./store.js";

export const SHORTCUTS = [
  ["Ctrl Z", "undo"],
  ["Ctrl Shift Z", "redo"],
  ["Space or B, held", "the picture before the edit"],
  ["/", "the prompt field"],
  ["Arrow keys", "strength by 0.05; with shift by 0.01"],
  ["Double click", "a strength of 0"],
];

export function listenToKeys() {
  addEventListener("keydown", onKeyDown);
  addEventListener("keyup", (event) => isPeek(event) && store.show({peek: false}));
  addEventListener("blur", () => store.show({peek: false}));
}

function onKeyDown(event) {
  const command = event.ctrlKey || event.metaKey;
  const key = event.key.toLowerCase();
  if (command && (key === "z" || key === "y") && !(isTyping(event.target) && event.target.value)) {
    if (key === "y" || event.shiftKey) store.redo();
    else store.undo();
  } else if (!command && isPeek(event) && !isTyping(event.target) && !(key === " " && isPressed(event.target))) {
    store.show({peek: true});
  } else if (key === "/" && !command && !isTyping(event.target)) {
    document.querySelector("[data-testid=prompt-input]").focus();
  } else return;
  event.preventDefault();
}

const isPeek = ({key}) => key === " " || key.toLowerCase() === "b";
const isTyping = (target) => target.matches?.("textarea, select, [contenteditable]") || (target.matches?.("input") && !["range", "checkbox"].includes(target.type));
const isPressed = (target) => Boolean(target.closest?.("button, summary, a, input[type=checkbox], [role=menuitem]"));
