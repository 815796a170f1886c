export async function restore() {
  return null;
}

export function persist() {}

export async function supply(sha256) {
  return false;
}
