export function BrushLayer() {
  return null;
}
export function BrushTools() {
  return null;
}
