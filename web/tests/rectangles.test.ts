import { expect, test } from "vitest";

import { freePlace } from "../src/app/rectangles";

const BOX = { left: 40, top: 40, width: 20, height: 20 };
const SIZE = { width: 30, height: 10 };
const ROOM = { width: 100, height: 100 };
const at = (left: number, top: number) => ({ left, top, ...SIZE });
const place = (...taken: (typeof BOX)[]) => freePlace(BOX, SIZE, ROOM, [BOX, ...taken], 5);

test("a card goes beside a face, else below or above it, and hides nothing", () => {
  expect(place()).toEqual(at(65, 40));
  const right = { left: 62, top: 0, width: 38, height: 100 };
  expect(place({ ...right, height: 55 })).toEqual(at(5, 40));
  expect(place({ ...right, top: 40, height: 5 })).toEqual(at(65, 50));
  const left = { left: 0, top: 0, width: 38, height: 60 };
  expect(place(right, left)).toEqual(at(30, 65));
  expect(place(right, left, { left: 0, top: 60, width: 100, height: 40 })).toBeNull();
});
