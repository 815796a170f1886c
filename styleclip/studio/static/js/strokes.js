// Strokes of the brush {erase, radius, points}, in units of the frame's width and height; radius in widths.

const DIGITS = 1000; // points are rounded to a thousandth of the frame
const SPACING = 0.15; // radii between points that are kept

// The region as alpha on an empty canvas: strokes in their order; one that erases first begins with the whole picture.
export function drawRegion(context, strokes, width, height) {
  context.globalCompositeOperation = "source-over";
  context.fillStyle = colour(context);
  if (strokes[0]?.erase) context.fillRect(0, 0, width, height);
  for (const stroke of strokes) drawStroke(context, stroke, width, height);
}

export function drawStroke(context, {erase, radius, points}, width, height) {
  context.globalCompositeOperation = erase ? "destination-out" : "source-over";
  context.fillStyle = context.strokeStyle = colour(context);
  Object.assign(context, {lineWidth: 2 * radius * width, lineCap: "round", lineJoin: "round"});
  context.beginPath();
  points.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x * width, y * height));
  if (points.length === 1) context.lineTo(points[0][0] * width + 0.01, points[0][1] * height);
  context.stroke();
}

const colour = (context) => getComputedStyle(context.canvas).color;

// The points of a stroke, rounded, without those that the brush covers anyway.
export function thinOut(points, radius) {
  const rounded = points.map((point) => point.map((place) => Math.round(place * DIGITS) / DIGITS));
  const kept = [rounded[0]];
  for (const point of rounded.slice(1, -1)) {
    const [x, y] = kept.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) >= SPACING * radius) kept.push(point);
  }
  const last = rounded.at(-1);
  if (last[0] !== kept.at(-1)[0] || last[1] !== kept.at(-1)[1]) kept.push(last);
  return kept;
}
