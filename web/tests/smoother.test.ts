import { expect, test } from "vitest";

import { largest, Smoother } from "../src/engine/smoother";

const SMOOTHING = { time_constant_s: 0.4, margin: 0.08, forget_s: 1, min_probability: 1e-4 };
const TIMEOUT = { min_intervals: 2.5, newest_interval_weight: 0.2 };
const HAPPY = [0.9, 0.1];
const SAD = [0.1, 0.9];

const smoother = (options = {}) => new Smoother({ ...SMOOTHING, ...options }, TIMEOUT);

test("the first answer is shown as it is", () => {
  const { probabilities, label } = smoother().update(0, SAD, 3);
  expect(probabilities[0]).toBeCloseTo(0.1, 12);
  expect(probabilities[1]).toBeCloseTo(0.9, 12);
  expect(label).toBe(1);
});

test("a sudden change has come through to 63 % after the time constant", () => {
  const smooth = smoother();
  smooth.update(0, HAPPY, 0);
  let ratio = 0;
  for (let step = 1; step <= 40; step++) {
    const [happy, sad] = smooth.update(0, SAD, step / 100).probabilities;
    ratio = Math.log(happy! / sad!);
  }
  const start = Math.log(9);
  expect((start - ratio) / (2 * start)).toBeCloseTo(1 - Math.exp(-1), 9);
});

test("a label that is overtaken by less than the margin stays", () => {
  const smooth = smoother({ time_constant_s: 0, margin: 0.1 });
  expect(smooth.update(0, [0.6, 0.4], 0).label).toBe(0);
  expect(smooth.update(0, [0.46, 0.54], 0.1).label).toBe(0);
  expect(smooth.update(0, [0.44, 0.56], 0.2).label).toBe(1);
});

test.each([
  [0, 0.9, false],
  [0, 1.1, true],
  [1, 2.4, false],
  [1, 2.6, true],
])("with %f s between detections, %f s away begins anew: %s", (interval_s, away_s, anew) => {
  const smooth = smoother();
  smooth.update(0, HAPPY, 0, interval_s);
  const [happy] = smooth.update(0, SAD, away_s, interval_s).probabilities;
  if (anew) expect(happy).toBeCloseTo(0.1, 12);
  else expect(happy).toBeGreaterThan(0.1001);
});

test("people do not mix, and who would begin anew is dropped", () => {
  const smooth = smoother();
  smooth.update(0, HAPPY, 0);
  expect(smooth.update(1, SAD, 0.1).probabilities[1]).toBeCloseTo(0.9, 12);
  smooth.forgetBefore(0.9);
  expect(smooth.update(0, SAD, 0.9).probabilities[0]).toBeGreaterThan(0.1001);
  smooth.forgetBefore(2);
  expect(smooth.update(0, SAD, 1).probabilities[0]).toBeCloseTo(0.1, 12);
});

test("a probability of 0 does no harm", () => {
  const { probabilities } = smoother().update(0, [1, 0], 0);
  expect(probabilities.reduce((sum, value) => sum + value)).toBeCloseTo(1, 12);
  expect(probabilities[1]).toBeGreaterThan(0);
});

test("of equal values the first is the largest", () => {
  expect(largest([0.2, 0.4, 0.4])).toBe(1);
});
