/** Whether a face stands upright in the crop of its landmarks; the same as `mien.inference.upright`. */

import type { Contract } from "../engine/contract";
import { cropFace, type Region, similarity } from "../engine/crop";
import type { DetectedFace } from "../engine/faces";
import type { Pixels } from "../engine/pixels";
import type { UnitReading } from "./network";

type Detect = (image: Pixels, minFacePx: number) => Promise<DetectedFace[]>;

/** Take units away from faces that do not stand upright in their crops. */
export async function checked(
  readings: UnitReading[],
  frame: Region,
  faces: DetectedFace[],
  rules: Contract["unit_rules"],
  detect: Detect,
): Promise<UnitReading[]> {
  const { landmarks_xy, size } = rules.view;
  const found: UnitReading[] = [];
  for (const [number, reading] of readings.entries()) {
    const face = faces[number]!;
    let { missing } = reading;
    if (missing === null && face.score < rules.sure_score) {
      const view = cropFace(frame, similarity(face.landmarks, landmarks_xy, size), size);
      const turns = await detect(turned(view, size), rules.view_face_px);
      if (!isUpright(turns, size)) missing = "rotated";
    }
    found.push({ ...reading, missing });
  }
  return found;
}

/** Whether no other turn of a face is surer to be one than the turn that it has. */
function isUpright(found: DetectedFace[], size: number): boolean {
  const scores = [0, 0, 0, 0];
  for (const { box, score } of found) {
    const [x, y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
    if (x < 0 || y < 0 || x >= 2 * size || y >= 2 * size) continue;
    const turn = 2 * Math.floor(y / size) + Math.floor(x / size);
    scores[turn] = Math.max(scores[turn]!, score);
  }
  return Math.max(...scores.slice(1)) <= scores[0]!;
}

/** A view as it is and turned by 90, 180 and 270 degrees, in one image. */
function turned(view: Float32Array, size: number): Pixels {
  const side = 2 * size;
  const data = new Uint8ClampedArray(4 * side * side);
  let shown: ArrayLike<number> = view;
  for (let turn = 0; turn < 4; turn++) {
    const [left, top] = [size * (turn % 2), size * Math.floor(turn / 2)];
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        const level = shown[row * size + column]!;
        data.set([level, level, level, 255], 4 * ((top + row) * side + left + column));
      }
    }
    shown = quarterTurn(shown, size);
  }
  return { data, width: side, height: side };
}

/** The levels of a square, turned by 90 degrees anticlockwise. */
function quarterTurn(levels: ArrayLike<number>, size: number): Float32Array {
  return Float32Array.from(
    { length: size * size },
    (_, place) => levels[(place % size) * size + (size - 1 - Math.floor(place / size))]!,
  );
}
