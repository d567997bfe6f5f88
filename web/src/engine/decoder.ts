import type { Box, DetectedFace, Landmarks } from "./faces";

/** e^8 cells are larger than any image. */
const LARGEST_LOG_SIZE = 8;

/** So many cells of an image may respond, the best ones, whatever a damaged network says. */
const MAX_CELLS = 4096;

/**
 * A face may reach beyond the input by its longer side; what reaches further is none, whatever a
 * damaged network says.
 */
const FARTHEST = 1;

/** Cells whose boxes overlap a face's best one by at least this take part in where the face is. */
const SAME_FACE_IOU = 0.7;

/** A face that shares less of its box with another one is somebody else's. */
const LEAST_SHARED = 0.3;

const LEAST_WEIGHT = 1e-6;

/** A network's outputs by name, flat. */
export type Outputs = Record<string, Float32Array>;

/**
 * Turn one image's cells into faces, best first, in pixels of the network's input (the layout of
 * YuNet, Wu et al. 2023).
 */
export function decodeCells(
  outputs: Outputs,
  width: number,
  height: number,
  options: { strides: number[]; threshold: number; iou: number },
): DetectedFace[] {
  const found: DetectedFace[] = [];
  for (const stride of options.strides) {
    const columns = Math.floor(width / stride);
    const cells = columns * Math.floor(height / stride);
    const cls = output(outputs, `cls_${stride}`, cells);
    const obj = output(outputs, `obj_${stride}`, cells);
    const bbox = output(outputs, `bbox_${stride}`, 4 * cells);
    const kps = output(outputs, `kps_${stride}`, 10 * cells);
    for (let cell = 0; cell < cells; cell++) {
      const score = Math.sqrt(unit(cls[cell]!) * unit(obj[cell]!));
      if (score < options.threshold) continue;
      const column = cell % columns;
      const row = Math.floor(cell / columns);
      const x = (column + bbox[4 * cell]!) * stride;
      const y = (row + bbox[4 * cell + 1]!) * stride;
      const halfWidth = (Math.exp(Math.min(bbox[4 * cell + 2]!, LARGEST_LOG_SIZE)) * stride) / 2;
      const halfHeight = (Math.exp(Math.min(bbox[4 * cell + 3]!, LARGEST_LOG_SIZE)) * stride) / 2;
      const landmarks: Landmarks = [];
      for (let point = 0; point < 5; point++) {
        landmarks.push([
          (column + kps[10 * cell + 2 * point]!) * stride,
          (row + kps[10 * cell + 2 * point + 1]!) * stride,
        ]);
      }
      const box: Box = [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight];
      if (isNear([...box, ...landmarks.flat()], width, height))
        found.push({ box, landmarks, score });
    }
  }
  const best = found.length > MAX_CELLS ? bestOf(found) : found;
  return nonMaximumSuppression(best, options.iou).map((face) => merged(face, best));
}

/** Return the cells with the best scores. */
function bestOf(found: DetectedFace[]): DetectedFace[] {
  return [...found].sort((a, b) => b.score - a.score).slice(0, MAX_CELLS);
}

/** Place a face where the cells that agree with its best one put it, weighted by their scores. */
function merged(best: DetectedFace, cells: DetectedFace[]): DetectedFace {
  const box: Box = [0, 0, 0, 0];
  const landmarks: Landmarks = best.landmarks.map(() => [0, 0]);
  let total = 0;
  for (const cell of cells) {
    if (cell !== best && overlap(best.box, cell.box) < SAME_FACE_IOU) continue;
    const weight = Math.max(cell.score, LEAST_WEIGHT);
    total += weight;
    cell.box.forEach((value, side) => {
      box[side]! += weight * value;
    });
    cell.landmarks.forEach(([x, y], point) => {
      landmarks[point]![0] += weight * x;
      landmarks[point]![1] += weight * y;
    });
  }
  return {
    box: box.map((value) => value / total) as Box,
    landmarks: landmarks.map(([x, y]) => [x / total, y / total]),
    score: best.score,
  };
}

/** Of faces that overlap by more than `iou` keep the best, greedily. */
export function nonMaximumSuppression(faces: DetectedFace[], iou: number): DetectedFace[] {
  let rest = [...faces].sort((a, b) => b.score - a.score);
  const kept: DetectedFace[] = [];
  while (rest.length > 0) {
    const best = rest[0]!;
    kept.push(best);
    rest = rest.slice(1).filter((other) => overlap(best.box, other.box) <= iou);
  }
  return kept;
}

/** The share of two boxes' union that both cover. */
export function overlap(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const shared = width * height;
  return shared / (area(a) + area(b) - shared);
}

/** The face that shares most with a box, if one does so enough. */
export function bestAt(box: Box, faces: DetectedFace[]): DetectedFace | undefined {
  const found = faces.filter((face) => overlap(box, face.box) >= LEAST_SHARED);
  return found.sort((a, b) => overlap(box, b.box) - overlap(box, a.box))[0];
}

function area(box: Box): number {
  return (box[2] - box[0]) * (box[3] - box[1]);
}

function unit(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}

/** Whether points, x and y in turn, lie within the input and a border around it. */
function isNear(points: number[], width: number, height: number): boolean {
  const border = FARTHEST * Math.max(width, height);
  return points.every((value, place) => {
    const side = place % 2 === 0 ? width : height;
    return value >= -border && value <= side + border;
  });
}

function output(outputs: Outputs, name: string, length: number): Float32Array {
  const values = outputs[name];
  if (values === undefined) throw new Error(`the face detector has no output ${name}`);
  if (values.length !== length) {
    throw new Error(
      `the face detector's output ${name}: expected ${length} numbers, found ${values.length}`,
    );
  }
  return values;
}
