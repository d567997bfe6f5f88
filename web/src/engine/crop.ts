import type { Landmarks } from "./faces";
import type { Pixels } from "./pixels";

/** Weights of red, green and blue in luma, ITU-R BT.601. */
const LUMA = [0.299, 0.587, 0.114] as const;

/** The map z -> a z + b of the plane, points as complex numbers. */
export interface Similarity {
  a: [number, number];
  b: [number, number];
}

/** The luma of a rectangle's pixels, rows from the top. */
export interface Plane {
  levels: ArrayLike<number>;
  width: number;
  height: number;
}

/** Something that gives the luma of a rectangle that lies within it. */
export interface Region {
  width: number;
  height: number;
  /** Black and white on the scale of its luma: 0 and 255, or 16 and 235 in most videos. */
  black: number;
  white: number;
  plane(left: number, top: number, width: number, height: number): Plane;
}

/** The luma of pixels. */
export function planeOf(pixels: Pixels): Plane {
  const levels = new Float32Array(pixels.width * pixels.height);
  for (let place = 0; place < levels.length; place++) levels[place] = luma(pixels, 4 * place);
  return { levels, width: pixels.width, height: pixels.height };
}

/** The luma of the pixel whose red value is at `place`. */
function luma({ data }: Pixels, place: number): number {
  return LUMA[0] * data[place]! + LUMA[1] * data[place + 1]! + LUMA[2] * data[place + 2]!;
}

/** Fit the rotation, scale and shift that bring landmarks closest to their places (Umeyama 1991). */
export function similarity(landmarks: Landmarks, places: Landmarks, size: number): Similarity {
  const [meanX, meanY] = mean(landmarks);
  const [targetX, targetY] = mean(places).map((value) => value * size) as [number, number];
  let spread = 0;
  let real = 0;
  let imaginary = 0;
  landmarks.forEach(([x, y], point) => {
    const dx = x - meanX;
    const dy = y - meanY;
    const tx = places[point]![0] * size - targetX;
    const ty = places[point]![1] * size - targetY;
    spread += dx * dx + dy * dy;
    real += dx * tx + dy * ty;
    imaginary += dx * ty - dy * tx;
  });
  if (!(spread > 1e-6)) throw new Error("a face's five points are one point");
  const a: [number, number] = [real / spread, imaginary / spread];
  const b: [number, number] = [
    targetX - (a[0] * meanX - a[1] * meanY),
    targetY - (a[0] * meanY + a[1] * meanX),
  ];
  return { a, b };
}

/** Return the frame's point that comes to lie at `x`, `y` of the crop. */
export function framePoint(map: Similarity, x: number, y: number): [number, number] {
  const [ar, ai] = map.a;
  const dx = x - map.b[0];
  const dy = y - map.b[1];
  const norm = ar * ar + ai * ai;
  return [(dx * ar + dy * ai) / norm, (dy * ar - dx * ai) / norm];
}

/** Cut one face out of a frame: aligned, `size` pixels square, luma of 0 to 255. */
export function cropFace(frame: Region, map: Similarity, size: number): Float32Array {
  const corners = [0.5, size - 0.5].flatMap((y) =>
    [0.5, size - 0.5].map((x) => framePoint(map, x, y)),
  );
  const factor = Math.max(1, Math.floor(1 / Math.hypot(map.a[0], map.a[1])));
  const xs = corners.map((corner) => corner[0]);
  const ys = corners.map((corner) => corner[1]);
  const left = Math.floor(Math.min(...xs)) - factor;
  const top = Math.floor(Math.min(...ys)) - factor;
  const columns = Math.ceil((Math.max(...xs) - left) / factor) + 2;
  const rows = Math.ceil((Math.max(...ys) - top) / factor) + 2;
  const squares = reducedLuma(frame, left, top, columns, rows, factor);
  const crop = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [frameX, frameY] = framePoint(map, column + 0.5, row + 0.5);
      const x = (frameX - left) / factor - 0.5;
      const y = (frameY - top) / factor - 0.5;
      const x0 = Math.floor(x);
      const y0 = Math.floor(y);
      const right = x - x0;
      const down = y - y0;
      const place = y0 * columns + x0;
      const above = squares[place]! * (1 - right) + squares[place + 1]! * right;
      const below = squares[place + columns]! * (1 - right) + squares[place + columns + 1]! * right;
      crop[row * size + column] = above * (1 - down) + below * down;
    }
  }
  const { black, white } = frame;
  if (black === 0 && white === 255) return crop;
  const gain = 255 / (white - black);
  return crop.map((level) => Math.min(Math.max((level - black) * gain, 0), 255));
}

/** Crops as the input of a network: one after the other, normalised as its spec says. */
export function batchOf(
  crops: Float32Array[],
  { mean, std }: { mean: number[]; std: number[] },
): Float32Array {
  const length = crops[0]?.length ?? 0;
  const batch = new Float32Array(crops.length * length);
  crops.forEach((values, number) => {
    batch.set(values, number * length);
  });
  for (let place = 0; place < batch.length; place++) {
    batch[place] = (batch[place]! - mean[0]!) / std[0]!;
  }
  return batch;
}

/** Return each square's mean luma; beyond the frame its border pixels go on. */
function reducedLuma(
  frame: Region,
  left: number,
  top: number,
  columns: number,
  rows: number,
  factor: number,
): Float32Array {
  const inside = (value: number, side: number) => Math.min(Math.max(value, 0), side - 1);
  const x0 = inside(left, frame.width);
  const y0 = inside(top, frame.height);
  const x1 = inside(left + columns * factor - 1, frame.width);
  const y1 = inside(top + rows * factor - 1, frame.height);
  const pixels = frame.plane(x0, y0, x1 - x0 + 1, y1 - y0 + 1);
  const squares = new Float32Array(columns * rows);
  for (let y = 0; y < rows * factor; y++) {
    const line = (inside(top + y, frame.height) - y0) * pixels.width;
    const row = Math.floor(y / factor) * columns;
    for (let x = 0; x < columns * factor; x++) {
      const place = line + inside(left + x, frame.width) - x0;
      squares[row + Math.floor(x / factor)]! += pixels.levels[place]!;
    }
  }
  if (factor > 1) {
    for (let place = 0; place < squares.length; place++) squares[place]! /= factor * factor;
  }
  return squares;
}

function mean(points: Landmarks): [number, number] {
  const sums = points.reduce(([x, y], point) => [x + point[0], y + point[1]], [0, 0]);
  return [sums[0]! / points.length, sums[1]! / points.length];
}
