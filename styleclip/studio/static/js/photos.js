// A photo of one's own: drop or choose it, choose a face, refine its inversion.
import {html, useEffect, useRef, useState} from "../vendor/preact-htm.js";
import {connection} from "./connection.js";
import {sample} from "./faces.js";
import {Icon} from "./icons.js";
import {keptFile} from "./kept_files.js";
import {choosePhotoFace, openFiles} from "./open_files.js";
import {setFace, store, useStore} from "./store.js";

export {openFiles};

const REFINE_STEPS = 200;
const MAX_STEPS = 2000;
const TUNE_STEPS = 150;
const ACCEPT = "image/*,.heic,.heif,.avif,.jxl,.dng,.cr2,.cr3,.nef,.arw,.raf,.orf,.rw2,.safetensors,.pt,.pth,.pkl,.npy,.npz,.bin,.json";

export function Photos() {
  const chosen = useStore(({state}) => state.face.photo);
  const record = useRecord(chosen);
  const offered = useStore(({view}) => view.offered);
  const reading = useStore(({view}) => view.reading);
  const error = useStore(({view}) => view.photoError);
  return html`<section class="section photos" aria-label="Photo">
    <h2>Photo</h2>
    <${Chooser} small=${Boolean(chosen || record)} />
    ${reading && html`<p class="hint" role="status">Looking for faces in ${reading} …</p>`}
    ${error && html`<p class="error" role="alert" data-testid="photo-error">${error}</p>`}
    ${(record || chosen) && html`<${Head} name=${(record ?? chosen).name} />`}
    ${record && html`<${FaceChoice} record=${record} chosen=${chosen} />`}
    ${chosen && !offered && html`<${Inversion} photo=${chosen} />`}
  </section>`;
}

// The server's answer on the photo of the state, also after a reload; else on the one that was dropped last.
function useRecord(chosen) {
  const shown = useStore(({view}) => view.photo);
  const offered = useStore(({view}) => view.offered);
  const sha256 = chosen?.sha256;
  const other = Boolean(sha256) && shown?.sha256 !== sha256 && !offered;
  useEffect(() => {
    if (other) keptFile(sha256).then((file) => file?.record && store.show({photo: file.record}));
  }, [sha256, other]);
  return other ? null : shown;
}

function Chooser({small}) {
  const input = useRef();
  const choose = ({target}) => {
    openFiles([...target.files]);
    target.value = ""; // so that the same file can be chosen again
  };
  return html`<button class="drop" data-small=${small ? "" : null} data-testid="drop" onClick=${() => input.current.click()}
      title="Drop a photo, a picture saved here, a direction or a mapper anywhere on the page, paste one, or choose a file.">
      <${Icon} name="photo" /><span>${small ? "Another photo or file" : "Drop a photo anywhere, or choose a file"}</span></button>
    <input ref=${input} type="file" multiple hidden accept=${ACCEPT} data-testid="file-input" aria-label="Photo or file" onChange=${choose} />`;
}

function Head({name}) {
  const close = () => {
    store.show({photo: null, offered: false, photoError: null});
    if (store.state.face.photo) setFace(sample(), "without the photo");
  };
  return html`<div class="photo-head"><span class="photo-name" title=${name}>${name}</span>
    <button class="quiet icon" aria-label="Put the photo away" title="Put the photo away and go back to generated faces." data-testid="photo-close"
      onClick=${close}><${Icon} name="close" /></button></div>`;
}

function FaceChoice({record, chosen}) {
  const number = chosen?.sha256 === record.sha256 ? chosen.face : null;
  return html`<div class="strip" role="group" aria-label=${`Faces of ${record.name}`}>
      ${record.faces.map((face) => html`<button key=${face.number} class="thumb" data-testid="face-choice" data-number=${face.number}
        aria-pressed=${face.number === number} aria-label=${`Face ${face.number}`} title=${faceTitle(face)} onClick=${() => choosePhotoFace(record, face.number)}>
        <img src=${face.thumbnail} width="44" height="44" alt="" draggable=${false} /></button>`)}
    </div>
    ${!record.faces.length && html`<button class="plain" data-testid="use-whole" aria-pressed=${number === 0}
      title="Take the picture as it is, or its middle, as the face." onClick=${() => choosePhotoFace(record, 0)}>Use the whole picture</button>`}
    ${record.faces.length > 0 && record.notes.map((note) => html`<p class="hint">${note}</p>`)}`;
}

function faceTitle({number, note}) {
  return `Edit face ${number}, counted from the left.${note ? ` ${note[0].toUpperCase()}${note.slice(1)}.` : ""}`;
}

function Inversion({photo}) {
  const job = useStore(({view}) => view.pending);
  const failed = useStore(({view}) => view.faceError);
  const change = (values, label) => {
    store.show({faceChosen: true});
    setFace({photo: {...store.state.face.photo, ...values}}, label);
  };
  const refined = photo.refine > 0;
  return html`<div class="inversion">
    <div class="inversion-tools">
      <button class="plain" data-testid="refine" aria-pressed=${refined} title="Optimize the latent so that it draws the photo more exactly; takes seconds, or minutes with a large generator."
        onClick=${() => change({refine: refined ? 0 : REFINE_STEPS}, refined ? "not refined" : `refine ${REFINE_STEPS}`)}>Refine</button>
      ${refined && html`<${Steps} steps=${photo.refine} change=${change} />`}
      <button class="plain" data-testid="tune" aria-pressed=${photo.tune > 0} title="Fine-tune the generator on this face (pivotal tuning): closest to the photo, and the slowest."
        onClick=${() => change({tune: photo.tune ? 0 : TUNE_STEPS}, photo.tune ? "not tuned" : "tune")}>Tune</button>
    </div>
    ${job && html`<${JobLine} key=${job.key} job=${job} />`}
    ${failed && html`<p class="error" role="alert" data-testid="face-error">${failed.error}${failed.retry && html` <button class="link" data-testid="face-retry"
      title="Start this work again." onClick=${() => connection.retry(failed.retry)}>Try again</button>`}</p>`}
  </div>`;
}

function Steps({steps, change}) {
  const set = ({target}) => {
    const typed = Math.round(Number(target.value));
    if (typed >= 1 && typed <= MAX_STEPS) change({refine: typed}, `refine ${typed}`);
    else target.value = steps;
  };
  return html`<label class="field steps"><input type="number" min="1" max=${MAX_STEPS} step="50" value=${steps} data-testid="refine-steps"
    aria-label="Steps of refinement" title="Number of steps; more are slower and closer to the photo." onChange=${set} /></label>`;
}

// The last face other than this one, else a sample.
function faceBefore() {
  const now = JSON.stringify(store.state.face);
  const before = store.entries.slice(0, store.position).findLast(({state}) => JSON.stringify(state.face) !== now);
  return before?.state.face ?? sample();
}

// What the inversion is at, and a button that ends it and takes back what started it.
function JobLine({job}) {
  const now = useStore(({view}) => view.jobs?.[job.key]) ?? job;
  const [stopping, setStopping] = useState(false);
  const stop = () => {
    setStopping(true);
    connection.stop(job.key);
    setFace(faceBefore(), "stopped");
  };
  const count = now.total ? ` ${now.step} of ${now.total}` : "";
  return html`<div class="job-line"><span class="hint" role="status">${now.stage || "invert"}${count}</span>
    <button class="quiet" data-testid="photo-stop" disabled=${stopping} title="Stop, and go back to the face before." onClick=${stop}><${Icon} name="stop" />Stop</button></div>`;
}
