import { expect, test } from "vitest";

import { bestAt, decodeCells, nonMaximumSuppression, type Outputs } from "../src/engine/decoder";
import type { Box, DetectedFace } from "../src/engine/faces";

const OPTIONS = { strides: [8], threshold: 0.6, iou: 0.3 };
const COLUMNS = 4;

/** A grid of 4 by 2 cells of 8 pixels, with faces 16 pixels square around some cells' corners. */
function grid(scores: Record<number, number>): Outputs {
  const cells = COLUMNS * 2;
  const outputs: Outputs = {
    cls_8: new Float32Array(cells),
    obj_8: new Float32Array(cells),
    bbox_8: new Float32Array(4 * cells),
    kps_8: new Float32Array(10 * cells),
  };
  for (const [cell, score] of Object.entries(scores)) {
    outputs.cls_8![Number(cell)] = score;
    outputs.obj_8![Number(cell)] = score;
    outputs.bbox_8!.set([0, 0, Math.log(2), Math.log(2)], 4 * Number(cell));
    outputs.kps_8!.set([0.5, 0.25], 10 * Number(cell));
  }
  return outputs;
}

test("a cell's box and points are measured from its corner, in units of its size", () => {
  const [face, ...others] = decodeCells(grid({ 5: 0.9 }), 32, 16, OPTIONS);
  expect(others).toEqual([]);
  expect(face!.score).toBeCloseTo(0.9, 6);
  [0, 0, 16, 16].forEach((side, place) => {
    expect(face!.box[place]).toBeCloseTo(side, 4);
  });
  expect(face!.landmarks[0]).toEqual([12, 10]);
});

test("scores are clipped to 1, and what is below the threshold is no face", () => {
  expect(decodeCells(grid({ 0: 0.59 }), 32, 16, OPTIONS)).toEqual([]);
  expect(decodeCells(grid({ 0: 1.5 }), 32, 16, OPTIONS)[0]!.score).toBe(1);
});

test("cells that see the same face place it together, weighted by their scores", () => {
  const outputs = grid({ 1: 0.9, 2: 0.6 });
  // The second cell's box lies 2 pixels to the right of the first one's.
  outputs.bbox_8![8] = -0.75;
  const [face, ...others] = decodeCells(outputs, 32, 16, OPTIONS);
  expect(others).toEqual([]);
  expect(face!.box[0]).toBeCloseTo((0.9 * 0 + 0.6 * 2) / 1.5, 4);
});

test("of faces that overlap the best stays", () => {
  const face = (box: Box, score: number): DetectedFace => ({ box, landmarks: [], score });
  const [low, high] = [face([0, 0, 10, 10], 0.7), face([1, 0, 11, 10], 0.9)];
  const apart = face([9, 0, 19, 10], 0.8);
  expect(nonMaximumSuppression([low, high, apart], 0.3)).toEqual([high, apart]);
});

test("a network without an output that is needed is told", () => {
  const { cls_8, obj_8, bbox_8 } = grid({});
  const outputs = { cls_8, obj_8, bbox_8 } as Outputs;
  expect(() => decodeCells(outputs, 32, 16, OPTIONS)).toThrow("no output kps_8");
});

test("a face that only touches a box is somebody else's", () => {
  const at = (box: Box): DetectedFace => ({ box, landmarks: [], score: 1 });
  const [near, beside] = [at([2, 0, 12, 10]), at([9, 0, 19, 10])];
  expect(bestAt([0, 0, 10, 10], [beside, near])).toBe(near);
  expect(bestAt([0, 0, 10, 10], [beside])).toBeUndefined();
});
