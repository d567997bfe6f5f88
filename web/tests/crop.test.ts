import { describe, expect, test } from "vitest";

import { cropFace, framePoint, type Region, similarity } from "../src/engine/crop";
import type { Landmarks } from "../src/engine/faces";

const PLACES: Landmarks = [
  [0.3, 0.4],
  [0.7, 0.4],
  [0.5, 0.6],
  [0.35, 0.8],
  [0.65, 0.8],
];
const SIZE = 48;

/** Landmarks that a scale, a turn and a shift bring from the crop into a frame. */
function moved(scale: number, turn: number, x: number, y: number): Landmarks {
  return PLACES.map(([px, py]) => [
    scale * (px * Math.cos(turn) - py * Math.sin(turn)) + x,
    scale * (px * Math.sin(turn) + py * Math.cos(turn)) + y,
  ]);
}

/** A frame whose red, green and blue are all `value(x, y)`. */
function frame(width: number, height: number, value: (x: number, y: number) => number): Region {
  return {
    width,
    height,
    black: 0,
    white: 255,
    plane(left, top, columns, rows) {
      const levels = Array.from({ length: columns * rows }, (_, place) =>
        Math.min(
          Math.max(value(left + (place % columns), top + Math.floor(place / columns)), 0),
          255,
        ),
      );
      return { levels, width: columns, height: rows };
    },
  };
}

describe("similarity", () => {
  test.each([
    [96, 0, 20, 10],
    [200, 0.4, -5, 60],
  ])("brings a face %f pixels large, turned by %f, to its places", (scale, turn, x, y) => {
    const landmarks = moved(scale, turn, x, y);
    const map = similarity(landmarks, PLACES, SIZE);
    PLACES.forEach(([px, py], point) => {
      const [fx, fy] = framePoint(map, px * SIZE, py * SIZE);
      expect(fx).toBeCloseTo(landmarks[point]![0], 6);
      expect(fy).toBeCloseTo(landmarks[point]![1], 6);
    });
  });

  test("five points that are one are no face", () => {
    const point: Landmarks = PLACES.map(() => [3, 4]);
    expect(() => similarity(point, PLACES, SIZE)).toThrow("one point");
  });
});

describe("a crop", () => {
  const same = similarity(moved(SIZE, 0, 0, 0), PLACES, SIZE);

  test("of the same size is the frame itself", () => {
    const crop = cropFace(
      frame(SIZE, SIZE, (x) => 5 * x),
      same,
      SIZE,
    );
    expect(crop[7]).toBeCloseTo(35, 3);
    expect(crop[SIZE + 20]).toBeCloseTo(100, 3);
  });

  test("of a face twice as large is the mean of squares", () => {
    const half = similarity(moved(2 * SIZE, 0, 0, 0), PLACES, SIZE);
    const crop = cropFace(
      frame(2 * SIZE, 2 * SIZE, (x) => (x % 2) * 100),
      half,
      SIZE,
    );
    expect(Math.min(...crop)).toBeCloseTo(50, 3);
    expect(Math.max(...crop)).toBeCloseTo(50, 3);
  });

  test("goes on with the border beyond the frame", () => {
    const crop = cropFace(
      frame(SIZE / 2, SIZE, () => 80),
      same,
      SIZE,
    );
    expect(crop.every((value) => Math.abs(value - 80) < 1e-3)).toBe(true);
  });
});
