import { expect, test } from "vitest";

import type { Pixels } from "../src/engine/pixels";
import { appearance, looksLikeAnother, regionOf, SceneCuts } from "../src/engine/scenes";
import { SCENES } from "./rules";

type Level = (x: number, y: number) => number;

/** Two scenes of soft spots, and an empty frame. */
const A: Level = (x, y) => 128 + 60 * Math.sin(x / 17) * Math.cos(y / 13);
const B: Level = (x, y) => 128 + 60 * Math.cos(x / 7 + 1) * Math.sin(y / 23 + x / 40);
const BLACK: Level = () => 0;

function frame(level: Level, width = 320, height = 180): Pixels {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let place = 0; place < width * height; place++) {
    data.fill(level(place % width, Math.floor(place / width)), 4 * place, 4 * place + 4);
  }
  return { data, width, height };
}

function cuts(...frames: Pixels[]): number[] {
  const scenes = new SceneCuts(SCENES);
  return frames.flatMap((one, number) => (scenes.isCut(regionOf(one)) ? [number] : []));
}

test("another scene is a cut, and the same is none", () => {
  const [a, b] = [frame(A), frame(B)];
  expect(cuts(a, a, b, b, a)).toEqual([2, 4]);
});

test("another size of the same is no cut", () => {
  const large = frame((x, y) => A(x / 2, y / 2), 640, 360);
  expect(cuts(frame(A), large, frame(A))).toEqual([]);
});

test("a pan is no cut", () => {
  const at = (left: number) => frame((x, y) => A(x + left, y) + 0.3 * x);
  expect(cuts(at(0), at(40), at(80))).toEqual([]);
});

test("light that goes on or off is no cut, and empty frames are passed over", () => {
  const [a, b, black] = [frame(A), frame(B), frame(BLACK)];
  const dim = frame((x, y) => 0.3 * A(x, y));
  expect(cuts(black, a, dim, a, black, a, black, b)).toEqual([7]);
});

test("a face in another light is the same person's, other features are another's", () => {
  const look = (level: Level) => {
    const crop = Float32Array.from({ length: 48 * 48 }, (_, place) =>
      level(place % 48, Math.floor(place / 48)),
    );
    return appearance(crop, 48, SCENES);
  };
  const face: Level = (x, y) => 100 + 40 * Math.sin(x / 3) * Math.sin(y / 4);
  const other: Level = (x, y) => 100 + 40 * Math.cos(x / 4) * Math.sin(y / 3 + 1);
  const shaded: Level = (x, y) => 0.7 * face(x, y) + x;
  expect(looksLikeAnother(look(face), look(shaded), SCENES)).toBe(false);
  expect(looksLikeAnother(look(face), look(other), SCENES)).toBe(true);
  expect(looksLikeAnother(look(face), look(BLACK), SCENES)).toBe(false);
});
