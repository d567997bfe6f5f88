import { expect, test } from "vitest";

import { type Pixels, resize } from "../src/engine/pixels";

function grey(width: number, height: number, value: (x: number, y: number) => number): Pixels {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let place = 0; place < width * height; place++) {
    data.fill(value(place % width, Math.floor(place / width)), 4 * place, 4 * place + 3);
  }
  return { data, width, height };
}

test("an image of the size that is wanted stays as it is", () => {
  const image = grey(3, 2, (x) => x);
  expect(resize(image, 3, 2)).toBe(image);
});

test.each([
  [2, 2],
  [7, 5],
  [40, 60],
])("one colour stays one colour at %i by %i", (width, height) => {
  const { data, ...size } = resize(
    grey(20, 30, () => 77),
    width,
    height,
  );
  expect(size).toEqual({ width, height });
  expect(new Set(data.filter((_, place) => place % 4 !== 3))).toEqual(new Set([77]));
  expect(data[3]).toBe(255);
});

test("a ramp scaled down by much is a ramp", () => {
  const { data } = resize(
    grey(64, 64, (x) => 4 * x),
    4,
    4,
  );
  const row = [0, 4, 8, 12].map((place) => data[place]!);
  expect(row.toSorted((a, b) => a - b)).toEqual(row);
  expect(row[2]! - row[1]!).toBe(64);
});
