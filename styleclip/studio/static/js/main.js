// The page: its parts, and the order in which they start.
import {html, render} from "../vendor/preact-htm.js";
import {AboutButton, loadAbout, ModelName} from "./about.js";
import {Children} from "./children.js";
import {connection} from "./connection.js";
import {ExportMenu} from "./exports.js";
import {Faces} from "./faces.js";
import {History} from "./history.js";
import {Icon} from "./icons.js";
import {listenToKeys} from "./keys.js";
import {persist, restore} from "./persist.js";
import {openFiles, Photos} from "./photos.js";
import {Place} from "./place.js";
import {Rows} from "./rows.js";
import {stats} from "./stats.js";
import {EMPTY, store, useStore} from "./store.js";
import {ThemeButton} from "./theme.js";
import {Toolbar, viewer, Viewer} from "./viewer.js";

function App() {
  return html`<header>
      <h1><img src="static/icon.svg" alt="" width="24" height="24" /><span>studio</span></h1><${ModelName} />
      <span class="spread"></span><${UndoButtons} /><${ExportMenu} /><${ThemeButton} /><${AboutButton} />
    </header>
    <main>
      <section class="picture" aria-label="Picture"><${Viewer} /><${Toolbar} /><${History} /></section>
      <${Rows} />
      <aside class="face" aria-label="Face"><${Faces} /><${Children} /><${Place} /><${Photos} /></aside>
      <${Status} />
    </main>`;
}

function UndoButtons() {
  const past = useStore(({entries, position}) => (position > 0 ? entries[position].label : null));
  const future = useStore(({entries, position}) => entries[position + 1]?.label ?? null);
  const button = (name, label, run, title) => html`<button class="quiet icon" data-testid=${name} aria-label=${name} title=${title} disabled=${label === null} onClick=${run}>
    <${Icon} name=${name} /></button>`;
  return html`${button("undo", past, store.undo, past === null ? "Nothing to undo." : `Undo: ${past} (Ctrl Z).`)}
    ${button("redo", future, store.redo, future === null ? "Nothing to redo." : `Redo: ${future} (Ctrl Shift Z).`)}`;
}

function Status() {
  const status = useStore(({view}) => view.status);
  return html`<p class="status" data-testid="status" aria-live="polite" data-kind=${status?.kind} title=${status?.text}>${status?.text ?? ""}</p>`;
}

function listenToFiles() {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const over = (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    document.body.dataset.drop = "";
  };
  const out = () => delete document.body.dataset.drop;
  addEventListener("dragover", over);
  addEventListener("dragleave", (event) => event.relatedTarget === null && out());
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    out();
    openFiles([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    if (event.clipboardData?.files.length) openFiles([...event.clipboardData.files]);
  });
}

async function start() {
  const state = await restore();
  if (state) Object.assign(store, {state, entries: [{state, label: "start", time: Date.now()}]});
  else Object.assign(store, {state: EMPTY});
  render(html`<${App} />`, document.getElementById("app"));
  listenToKeys();
  listenToFiles();
  persist();
  connection.open();
  loadAbout().catch((error) => store.say(error.message, "error"));
}

// For tests, benchmarks and the console.
window.studio = {state: () => store.state, counter: connection.counter, settled: connection.settled, drawn: connection.drawn, picture: viewer.picture, stats};
start();
