// What a dropped file is, by its first bytes and its name.

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const RECORD = "styleclip"; // the keyword of the text chunk in which our PNGs keep their record
const WEIGHTS = /\.(safetensors|pt|pth|pkl|npy|npz|ckpt|bin)$/i;
const STATE = /\.json$/i;
const CHUNK_HEAD = 8; // bytes: length and type

// "ours" (a PNG with a record of styleclip), "state" (JSON), "file" (a direction or a mapper) or "photo".
export async function fileKind(file) {
  if (STATE.test(file.name)) return "state";
  if (WEIGHTS.test(file.name)) return "file";
  return (await hasRecord(file)) ? "ours" : "photo";
}

// Whether a file is a PNG with a text chunk of ours. Only the heads of the chunks are read.
async function hasRecord(file) {
  const start = await bytesOf(file, 0, PNG.length);
  if (!PNG.every((byte, i) => start[i] === byte)) return false;
  for (let place = PNG.length; place + CHUNK_HEAD < file.size; ) {
    const head = await bytesOf(file, place, CHUNK_HEAD + RECORD.length + 1);
    const [type, keyword] = [text(head, 4, 8), text(head, CHUNK_HEAD, CHUNK_HEAD + RECORD.length)];
    if (["tEXt", "iTXt", "zTXt"].includes(type) && keyword === RECORD && head.at(-1) === 0) return true;
    place += CHUNK_HEAD + new DataView(head.buffer).getUint32(0) + 4; // and its checksum
  }
  return false;
}

async function bytesOf(file, from, count) {
  return new Uint8Array(await file.slice(from, from + count).arrayBuffer());
}

function text(bytes, from, to) {
  return String.fromCharCode(...bytes.slice(from, to));
}
