// A state as text for the fragment of the URL: JSON, deflated, in the letters of base64url.
import {readState} from "./read_state.js";

export const MAX_CHARS = 8000; // longer states, those of many strokes, stay in the storage of the browser

const PREFIX = "#s=";

// "#s=..", or "" where that is too long.
export async function encodeState(state) {
  const bytes = await pipe(new TextEncoder().encode(JSON.stringify(state)), new CompressionStream("deflate-raw"));
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  const fragment = PREFIX + text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return fragment.length > MAX_CHARS ? "" : fragment;
}

// The state, or null for a fragment of something else, or one that was cut off.
export async function decodeState(fragment) {
  if (!fragment.startsWith(PREFIX)) return null;
  try {
    const text = atob(fragment.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    return readState(new TextDecoder().decode(await pipe(bytes, new DecompressionStream("deflate-raw"))));
  } catch {
    return null;
  }
}

async function pipe(bytes, stream) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}
