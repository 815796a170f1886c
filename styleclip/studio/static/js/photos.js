export function Photos() {
  return null;
}

export async function openFiles(files) {}
