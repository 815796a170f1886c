export function Faces() {
  return null;
}
