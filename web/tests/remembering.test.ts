import { expect, test } from "vitest";

import { DetectionInterval, remembered_s } from "../src/engine/remembering";

const REMEMBERING = { missed_detections: 2.5, newest_interval_share: 0.2 };

test("the interval is a running mean, not known before the second detection", () => {
  const interval = new DetectionInterval(REMEMBERING);
  expect(interval.update(5)).toBe(0);
  expect(interval.update(5.5)).toBeCloseTo(0.5, 12);
  expect(interval.update(6.5)).toBeCloseTo(0.6, 12);
  expect(interval.update(6.5)).toBeCloseTo(0.6, 12);
});

test("people are remembered for 2.5 detections, or longer if that was asked for", () => {
  expect(remembered_s(1, 0.1, REMEMBERING)).toBe(1);
  expect(remembered_s(1, 2, REMEMBERING)).toBe(5);
});
