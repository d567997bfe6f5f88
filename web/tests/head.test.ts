import { expect, test } from "vitest";

import { corrected, direction, type Lesson, projected, spread, trained } from "../src/teach/head";

const HAPPY = [0.95, 0.01, 0.01, 0.01, 0.01, 0.01];
const SAD = 2;

const lesson = (embedding: number[], label: number): Lesson => ({
  direction: direction(embedding),
  label,
  probabilities: HAPPY,
});
const largest = (values: number[]) => values.indexOf(Math.max(...values));

test("one example turns faces like it, and leaves others as they are", () => {
  const head = trained([lesson([1, 0, 0], SAD)]);
  const like = corrected(head, HAPPY, direction([0.9, 0.1, 0]));
  const unlike = corrected(head, HAPPY, direction([0, 0, 1]));
  expect(largest(like)).toBe(SAD);
  expect(like.reduce((sum, value) => sum + value)).toBeCloseTo(1);
  unlike.forEach((value, place) => {
    expect(value).toBeCloseTo(HAPPY[place]!);
  });
});

test("an example that the model had right hardly changes it", () => {
  const head = trained([lesson([1, 0, 0], 0)]);
  expect(corrected(head, HAPPY, [1, 0, 0])[0]).toBeGreaterThan(0.95);
  expect(Math.hypot(...head.flat())).toBeLessThan(1.5);
});

test("of two kinds of faces each keeps its own correction", () => {
  const head = trained([lesson([1, 0, 0], SAD), lesson([0, 1, 0], 4), lesson([0, 0.9, 0.1], 4)]);
  expect(largest(corrected(head, HAPPY, [1, 0, 0]))).toBe(SAD);
  expect(largest(corrected(head, HAPPY, [0, 1, 0]))).toBe(4);
});

test("the map keeps what is alike together, and fills its plane", () => {
  const points = projected([
    [1, 0, 0, 0],
    [0.99, 0.01, 0, 0],
    [0, 1, 0, 0],
    [0, 0, 1, 0],
  ]);
  const apart = (a: number, b: number) =>
    Math.hypot(points[a]![0] - points[b]![0], points[a]![1] - points[b]![1]);
  expect(apart(0, 1)).toBeLessThan(0.1 * apart(0, 2));
  expect(Math.max(...points.flat().map(Math.abs))).toBeCloseTo(1);
});

test("faces in one place are moved apart until all are seen", () => {
  const points = spread(
    [
      [5, 5],
      [5, 5],
      [5, 5],
      [90, 90],
    ],
    10,
    [100, 100],
  );
  const apart = points.flatMap((a, one) =>
    points.slice(0, one).map((b) => Math.hypot(a[0] - b[0], a[1] - b[1])),
  );
  expect(Math.min(...apart)).toBeGreaterThan(9);
  expect(points[3]).toEqual([90, 90]);
});

test("a single face lies in the middle", () => {
  expect(projected([[0.3, 0.4]])).toEqual([[0, 0]]);
});
