// What runs here: the model in the header, and a window with the version and the keys.
import {html, useRef} from "../vendor/preact-htm.js";
import {getJSON} from "./http.js";
import {Icon} from "./icons.js";
import {SHORTCUTS} from "./keys.js";
import {store, useStore} from "./store.js";

export async function loadAbout() {
  const about = await getJSON("api/about");
  store.show({about});
  document.title = `${about.model.name} - styleclip studio`;
  if (store.state.model === null) store.amend((state) => ({...state, model: about.model.fingerprint}));
}

export function ModelName() {
  const about = useStore(({view}) => view.about);
  return html`<span class="model" title="The generator that draws the faces.">${about ? `${about.model.name}, ${about.model.size.join(" × ")}` : " "}</span>`;
}

export function AboutButton() {
  const about = useStore(({view}) => view.about);
  const dialog = useRef();
  const words = about?.clip?.vocabulary;
  return html`<button class="quiet icon" data-testid="about" aria-label="Keys and version" title="Keys, and what runs here." onClick=${() => dialog.current.showModal()}>
      <${Icon} name="help" /></button>
    <dialog ref=${dialog} aria-label="Keys and version" onClick=${(event) => event.target === dialog.current && dialog.current.close()}>
      <div class="about">
        <h2>Keys</h2>
        <dl>${SHORTCUTS.map(([keys, meaning]) => html`<dt>${keys}</dt><dd>${meaning}</dd>`)}</dl>
        <h2>This studio</h2>
        ${about && html`<p>styleclip ${about.version}, ${about.model.name} on ${about.device}, ${about.clip.name}.</p>`}
        ${words && html`<p class="hint">This CLIP knows a few words only: ${words.join(", ")}.</p>`}
        <form method="dialog"><button class="plain">Close</button></form>
      </div>
    </dialog>`;
}
