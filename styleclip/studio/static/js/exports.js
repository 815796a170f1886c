// The menu of what can be saved or copied.
import {html} from "../vendor/preact-htm.js";
import {ask, showText} from "./dialog.js";
import {encodeState} from "./fragment.js";
import {postJSON} from "./http.js";
import {Menu} from "./menu.js";
import {frameIsPhoto} from "./open_files.js";
import {rowName, store, useStore} from "./store.js";

const SLOW = {video: "Drawing the video; this takes a while.", strip: "Drawing the strip."};

export function ExportMenu() {
  const photo = useStore(({state}) => state.face.photo);
  const rows = useStore(({state}) => state.rows);
  const strokes = useStore(({state}) => state.strokes.length);
  const whole = useStore(({view}) => frameIsPhoto(view, photo));
  const directed = rows.filter((row) => row.kind !== "mapper"); // which gives every face another step
  const item = (what, label, title, more = {}) => ({label, title, testid: `export-${what}`, run: () => save(what), group: 0, ...more});
  const items = [
    item("png", "PNG", "Save the picture; dropped on this page it restores everything."),
    item("jpeg", "JPEG", "Save the picture as a smaller file."),
    item("photo", "Photo with the face", photoTitle(photo, whole), {disabled: !photo || whole}),
    item("strip", "Strip of strengths", "Save one edit at several strengths, side by side.", {run: () => saveOfRow("strip", rows), disabled: !rows.length, group: 1}),
    item("video", "Video", "Save a video in which one edit grows.", {run: () => saveOfRow("video", rows), disabled: !rows.length, group: 1}),
    item("direction", "Direction file", "Save the direction of an edit, for other faces and for the command line.", {run: () => saveOfRow("direction", directed), disabled: !directed.length, group: 1}),
    item("mask", "Mask of the brush", "Save the painted region, as --mask takes it.", {disabled: !strokes, group: 1}),
    item("state", "Session", "Save the state as JSON; dropped on this page it restores everything.", {group: 1}),
    item("command", "Copy as command", "Copy a line for the terminal that makes the same picture.", {testid: "copy-command", run: () => copy("command", "Command"), group: 2}),
    item("python", "Copy as Python", "Copy lines of Python that make the same picture.", {testid: "copy-python", run: () => copy("python", "Python"), group: 2}),
    item("link", "Copy link", "Copy the address of this state.", {run: copyLink, group: 2}),
  ];
  return html`<${Menu} label="Export" icon="download" title="Save or copy what is shown." testid="export-menu" items=${items} />`;
}

function photoTitle(photo, whole) {
  if (!photo) return "Drop a photo first: the edited face is pasted back into it.";
  return whole ? "This picture is all face, so there is no photo to paste it into." : "Save the whole photo at full size, with the edited face pasted back.";
}

// Ask which row, where there are several.
async function saveOfRow(what, rows) {
  const choices = rows.map((row) => ({label: rowName(row), value: row.id, testid: "export-row"}));
  const row = choices.length === 1 ? choices[0].value : await ask("Which edit?", "A file is made of one of them.", choices);
  if (row) await save(what, row);
}

async function save(what, row = null) {
  store.say(SLOW[what] ?? "Saving.");
  try {
    const response = await postJSON("api/export", {state: store.state, what, ...(row ? {row} : {})});
    const name = fileName(response) ?? `styleclip.${what}`;
    download(await response.blob(), name);
    store.say(`Saved ${name}.`);
  } catch (error) {
    store.say(error.message, "error");
  }
}

function fileName(response) {
  const header = response.headers.get("Content-Disposition") ?? "";
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(header);
  return encoded ? decodeURIComponent(encoded[1]) : /filename="?([^";]+)"?/i.exec(header)?.[1];
}

function download(blob, name) {
  const link = Object.assign(document.createElement("a"), {href: URL.createObjectURL(blob), download: name});
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

async function copy(what, title) {
  try {
    const {text, files} = await (await postJSON("api/export", {state: store.state, what})).json();
    const needs = files?.length ? ` It reads ${listed(files)} in the folder where it runs.` : "";
    await copyText(text, title, needs, `${what}-text`);
  } catch (error) {
    store.say(error.message, "error");
  }
}

async function copyLink() {
  const fragment = await encodeState(store.state);
  if (!fragment) return store.say("The brush has too many strokes for a link; save the PNG, which restores everything.", "error");
  return copyText(new URL(fragment, location.href).href, "Link", store.state.face.photo ? " The photo itself is not in it." : "", "link-text");
}

// Copy a text and show it; where the browser forbids to copy, it is selected for Ctrl-C.
async function copyText(text, title, hint, testid) {
  const copied = await toClipboard(text);
  const dialog = showText(title, text, `${copied ? "Copied." : "Press Ctrl-C to copy it."}${hint}`, testid);
  if (!copied && selectAndCopy(dialog.querySelector("textarea"))) dialog.querySelector(".hint").textContent = `Copied.${hint}`;
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // not a secure address, or not allowed
  }
}

function selectAndCopy(area) {
  area.focus();
  area.select();
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  }
}

const listed = (names) => (names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);
