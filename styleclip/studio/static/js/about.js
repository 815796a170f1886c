// What runs here: the model in the header, and a window with the version and the keys.
import {html, useRef} from "../vendor/preact-htm.js";
import {getJSON} from "./http.js";
import {Icon} from "./icons.js";
import {SHORTCUTS} from "./keys.js";
import {store, useStore} from "./store.js";

const WORDS = [
  ["Strength", "0 is the face as it is, 1 what the prompt says, 0.5 half of it; below 0 is the opposite."],
  ["auto", "The strength that this face needs; the dot below the slider marks it."],
  ["from", "What the face shows now instead. It is found for each face, and may be changed."],
  ["%", "How much of the prompt CLIP, which compares pictures with texts, sees in the picture."],
  ["identity", "Likeness of the person before and after: 1 is the same."],
  ["Focus", "Further right, less of the picture changes with the edit (beta)."],
  ["Optimize", "Finds an edit for this one face: slower, and often better."],
  ["Direction", "A step that was found before, from a file or your library. Its strength is its author's; units compare it with others."],
  ["unit", "The strength at which the identity changes by 0.1, on the mean of 64 faces."],
  ["Mapper", "A network that was trained for one prompt."],
  ["Truncation", "Below 1, faces come closer to the average face (psi)."],
  ["Amount", "How much of an adapted generator: 0 is the one that it was adapted from."],
  ["Place", "Where a StyleGAN3 draws the face: moved by parts of the picture, and turned. The face stays the same."],
  ["Refine, Tune", "Make the face more like the photo; Tune changes the generator for it."],
];

export async function loadAbout() {
  const about = await getJSON("api/about");
  store.show({about});
  document.title = `${about.model.name} - styleclip studio`;
  if (store.state.model === null) store.amend((state) => ({...state, model: about.model.fingerprint, child: about.child, ...about.place}));
}

export function ModelName() {
  const about = useStore(({view}) => view.about);
  return html`<span class="model" title="The generator that draws the pictures.">${about ? `${about.model.name}, ${about.model.size.join(" × ")}` : " "}</span>`;
}

export function AboutButton() {
  const about = useStore(({view}) => view.about);
  const dialog = useRef();
  const words = about?.clip?.words;
  return html`<button class="quiet icon" data-testid="about" aria-label="Help" title="The words on this page, keys, and what runs here." onClick=${() => dialog.current.showModal()}>
      <${Icon} name="help" /></button>
    <dialog ref=${dialog} aria-label="Help" onClick=${(event) => event.target === dialog.current && dialog.current.close()}>
      <div class="about">
        <h2 tabindex="-1" autofocus>Words</h2>
        <dl>${WORDS.map(([word, meaning]) => html`<dt>${word}</dt><dd>${meaning}</dd>`)}</dl>
        <h2>Keys</h2>
        <dl>${SHORTCUTS.map(([keys, meaning]) => html`<dt>${keys}</dt><dd>${meaning}</dd>`)}</dl>
        <h2>This studio</h2>
        ${about && html`<p>styleclip ${about.version} on ${about.device}; generator: ${about.model.name}; CLIP: ${about.clip.name}.</p>`}
        ${words && html`<p class="hint">This CLIP knows ${words} words; an edit by another one names the nearest of them.</p>`}
        <form method="dialog"><button class="plain">Close</button></form>
      </div>
    </dialog>`;
}
