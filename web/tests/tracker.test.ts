import { describe, expect, test } from "vitest";

import type { Box } from "../src/engine/faces";
import { Tracker } from "../src/engine/tracker";
import { SCENES } from "./rules";

const TRACKING = {
  max_gap_s: 1,
  max_distance: 1,
  max_scale_change: 2,
  max_compared_s: 0.3,
  velocity_weight: 0.6,
};
const TIMEOUT = { min_intervals: 2.5, newest_interval_weight: 0.2 };

const box = (x: number, y = 100, side = 60): Box => [x, y, x + side, y + side];

/** What a face looks like whose features are `wide`. */
const look = (wide: number) =>
  Float64Array.from({ length: 256 }, (_, place) => 128 + 60 * Math.sin(place / wide));

/** A tracker; without `looks` all faces look alike. */
function tracker() {
  const people = new Tracker(TRACKING, TIMEOUT, SCENES);
  return {
    cut: () => people.cut(),
    resize: (width: number, height: number) => people.resize(width, height),
    update: (boxes: Box[], time: number, interval = 0, looks = boxes.map(() => look(1))) =>
      people.update(boxes, looks, time, interval),
  };
}

test("people keep their numbers whatever the order", () => {
  const people = tracker();
  expect(people.update([box(0), box(200)], 0)).toEqual([0, 1]);
  expect(people.update([box(205), box(4)], 0.1)).toEqual([1, 0]);
  expect(people.update([box(8)], 0.2)).toEqual([0]);
  expect(people.update([box(500), box(212)], 0.3)).toEqual([2, 1]);
  expect(people.update([], 0.4)).toEqual([]);
});

test.each([
  [0.9, 0],
  [1.1, 1],
])("somebody who is away for %f s comes back as number %i", (away_s, number) => {
  const people = tracker();
  people.update([box(100)], 0);
  expect(people.update([box(104)], away_s)).toEqual([number]);
});

describe("where detections are far apart", () => {
  test.each([
    [2.4, 0],
    [2.6, 1],
  ])("somebody who is away for %f s comes back as number %i", (away_s, number) => {
    const people = tracker();
    people.update([box(100)], 0, 1);
    expect(people.update([box(104)], away_s, 1)).toEqual([number]);
  });
});

test("two people who cross keep their numbers", () => {
  const people = tracker();
  for (let frame = 0; frame < 50; frame++) {
    const time = frame / 25;
    expect(people.update([box(150 * time), box(300 - 150 * time, 110)], time)).toEqual([0, 1]);
  }
});

test("a face elsewhere, or of another size, is somebody else's", () => {
  const people = tracker();
  people.update([box(100)], 0);
  expect(people.update([box(300)], 0.1)).toEqual([1]);
  expect(people.update([box(70, 70, 130)], 0.2)).toEqual([2]);
});

test("after a cut everybody is new", () => {
  const people = tracker();
  people.update([box(100)], 0);
  people.cut();
  expect(people.update([box(100)], 0.04)).toEqual([1]);
});

test.each([
  ["soon", 0.2, 1],
  ["later", 0.4, 0],
])("another face in a person's place is told %s", (_, time, number) => {
  const people = tracker();
  people.update([box(100)], 0, 0, [look(1)]);
  expect(people.update([box(100)], time, 0, [look(2)])).toEqual([number]);
});

test("who comes before a person's face takes nobody's number", () => {
  const people = tracker();
  people.update([box(100)], 0, 0, [look(1)]);
  const looks = [look(2), look(1)];
  expect(people.update([box(100), box(130)], 0.1, 0, looks)).toEqual([1, 0]);
});

test("people of a video that changes its size stay people", () => {
  const people = tracker();
  people.resize(640, 480);
  people.update([box(0), box(400)], 0);
  people.resize(1280, 960);
  expect(people.update([box(0, 200, 120), box(800, 200, 120)], 0.04)).toEqual([0, 1]);
});
