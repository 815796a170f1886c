// Files that were dropped on the page, pasted or chosen: photos, PNGs of ours, directions, mappers, states in JSON.
import {ask} from "./dialog.js";
import {addUploadedDirection} from "./directions.js";
import {fileKind} from "./file_kinds.js";
import {postBytes} from "./http.js";
import {keepRecord} from "./kept_files.js";
import {upload} from "./persist.js";
import {tidyState} from "./read_state.js";
import {addRow, setFace, store} from "./store.js";

// Takes the files one after the other; of several photos the last one is shown.
export async function openFiles(files) {
  for (const file of [...files]) {
    try {
      await openFile(file);
    } catch (error) {
      const sentence = error instanceof DOMException ? `${file.name} cannot be read; drop files, no folders.` : error.message;
      store.show({photoError: sentence, reading: null});
      store.say(sentence, "error");
    }
  }
}

async function openFile(file) {
  store.show({photoError: null});
  const kind = await fileKind(file);
  const meaning = kind === "ours" ? await askMeaning(file) : kind;
  if (meaning === "photo") await openPhoto(file);
  else if (meaning === "file") await openRow(file);
  else if (meaning) await restoreSession(file);
}

function askMeaning(file) {
  return ask("Made with styleclip", `${file.name} carries the edit it was made with.`, [
    {label: "Restore its session", value: "state", testid: "restore-session", main: true},
    {label: "Use it as a photo", value: "photo", testid: "use-as-photo"},
  ]);
}

async function restoreSession(file) {
  const {state} = await postBytes("api/restore", file, file.name);
  const tidy = tidyState(state);
  if (!tidy) throw new Error(`The session of ${file.name} is too long; drop another file.`);
  store.update(() => tidy, {label: `restored ${file.name}`});
  store.say(`Restored the session of ${file.name}.`);
}

async function openPhoto(file) {
  checkSize(file, "photo");
  store.show({reading: file.name});
  const record = await upload(file, file.name, "photo");
  store.show({reading: null});
  showPhoto(record);
}

// Show the server's answer on a photo, and take its largest face; one without a face is offered as a whole. The photo
// that is edited keeps its face: the server had forgotten it, or it was dropped twice.
function showPhoto(record) {
  if (store.state.face.photo?.sha256 === record.sha256) {
    store.show({photo: record, offered: false, photoError: null});
    return store.amend((state) => ({...state})); // asks for a picture again
  }
  const found = record.faces.length > 0;
  store.show({photo: record, offered: !found, photoError: found ? null : record.notes[0]});
  if (found) choosePhotoFace(record, largest(record.faces));
  return undefined;
}

// The photo that the studio was started with (--image); the server names it once.
let started = false;
store.subscribe(() => {
  if (started || !store.view.about) return;
  started = true;
  if (!store.view.about.photo) return;
  showPhoto(store.view.about.photo);
  keepRecord(store.view.about.photo);
});

// Whether the face is the whole picture, so that there is no photo around it to paste it into.
export function frameIsPhoto(view, photo) {
  if (!photo || view.photo?.sha256 !== photo.sha256) return false;
  return view.photo.faces.find(({number}) => number === photo.face)?.whole ?? false;
}

async function openRow(file) {
  checkSize(file, "file");
  const {sha256, name, kind, directions} = await upload(file, file.name, "file");
  if (kind === "direction") await addUploadedDirection({sha256, name, directions});
  else addRow({kind, strength: 1, sha256, name});
}

// The face of this number, as the encoder draws it; the one that is edited stays as it is.
export function choosePhotoFace({sha256, name}, number) {
  const {photo} = store.state.face;
  if (photo?.sha256 === sha256 && photo.face === number) return;
  const label = number === 0 ? name : `face ${number} of ${name}`;
  store.show({offered: false, photoError: null, faceChosen: true});
  setFace({photo: {sha256, name, face: number, refine: 0, tune: 0}}, label);
}

function checkSize(file, kind) {
  const most = store.view.about?.limits?.[`${kind}_bytes`];
  if (most && file.size > most) {
    throw new Error(`${file.name} has ${megabytes(file.size)}; this server takes files up to ${megabytes(most)}.`);
  }
}

const megabytes = (bytes) => `${Math.max(1, Math.round(bytes / 1e6))} MB`;

const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);

const largest = (faces) => faces.reduce((best, face) => (area(face.box) > area(best.box) ? face : best)).number;
