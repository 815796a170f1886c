// The directions of the library and of the catalog: the menu that makes one a row, and the choice among those of a file.
import {choose} from "./dialog.js";
import {html, useState} from "../vendor/preact-htm.js";
import {getJSON} from "./http.js";
import {Dropdown} from "./menu.js";
import {Picker} from "./picker.js";
import {addRow, store} from "./store.js";

const EMPTY = "There is none yet. Drop a direction file on this page, or keep one by name: styleclip direction import FILE --name NAME";

// Asks for the list anew each time it opens, as directions are imported while the page is open. `added(row id)` runs after a choice.
export function DirectionMenu({added}) {
  const [items, setItems] = useState(null);
  const load = () => getJSON("api/directions").then(({directions}) => setItems(directions.map(itemOf)), (error) => {
    setItems([]);
    store.say(error.message, "error");
  });
  const panel = (close) => items && html`<${Picker} items=${items} label="Directions" empty=${EMPTY} pick=${({name}) => {
    close(true);
    added(addRow({kind: "direction", strength: null, name}, name));
  }} />`;
  return html`<${Dropdown} label="Directions" title="Add a direction of your library or of the catalog." testid="directions" kind="quiet" popup="dialog" opened=${load} panel=${panel} />`;
}

// A row for the direction of an uploaded file {sha256, name, directions: [record]}; where there are several, it is asked which.
export async function addUploadedDirection({sha256, name, directions}) {
  const row = {kind: "direction", strength: null, sha256, name};
  if (directions.length === 1) return addRow(row);
  const items = directions.map((record) => ({...itemOf(record), group: null}));
  const chosen = await choose(`Which direction of ${name}?`, "Directions", items);
  return chosen && addRow({...row, key: chosen.name}, chosen.name);
}

function itemOf({name, pack, title, licence, reason, fault}, i) {
  return {id: i, name, label: title, group: pack, note: reason ?? shortLicence(licence ?? ""), title: fault ?? `Add ${name}.`, disabled: Boolean(fault)};
}

// A licence without what follows its name: "MIT; for use with ..." is MIT.
export const shortLicence = (licence) => licence.split(/[;,(]/)[0].trim();
