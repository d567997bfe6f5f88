import { expect, test } from "vitest";

import { DetectionInterval, SamplingInterval, track_timeout_s } from "../src/engine/timeout";

const TIMEOUT = { min_intervals: 2.5, newest_interval_weight: 0.2 };

test("the interval is a running mean, not known before the second detection", () => {
  const interval = new DetectionInterval(TIMEOUT);
  expect(interval.update(5)).toBe(0);
  expect(interval.update(5.5)).toBeCloseTo(0.5, 12);
  expect(interval.update(6.5)).toBeCloseTo(0.6, 12);
  expect(interval.update(6.5)).toBeCloseTo(0.6, 12);
});

test("people are remembered for 2.5 detections, or longer if that was asked for", () => {
  expect(track_timeout_s(1, 0.1, TIMEOUT)).toBe(1);
  expect(track_timeout_s(1, 2, TIMEOUT)).toBe(5);
});

test("in a video the interval is the longer of the last two steps, and no shorter than one", () => {
  const interval = new SamplingInterval(0.2);
  expect([0, 0.1, 3.1, 3.2, 3.3, 3.3].map((time) => interval.update(time))).toEqual([
    0.2, 0.2, 3, 3, 0.2, 0.2,
  ]);
});
