import { expect, test } from "vitest";

import vectors from "../../tests/parity/baseline.json";
import { Baselines, corrected } from "../src/engine/baseline";

const OPTIONS = {
  prior: 4,
  observation_s: 2,
  max_step_s: 1,
  neutral_weight: 4,
  min_probability: 1e-4,
};
const TIMEOUT = { min_intervals: 2.5, newest_interval_weight: 0.2 };
const SAD = [0.1, 0.2, 0.4, 0.1, 0.1, 0.1];
const NEUTRAL = 1;

const baselines = () => new Baselines(vectors.spec, OPTIONS, 1, TIMEOUT);

function close(found: number[], expected: number[]): void {
  found.forEach((value, place) => {
    expect(value).toBeCloseTo(expected[place]!, 9);
  });
}

test("offsets are those of the vectors", () => {
  const here = baselines();
  for (const step of vectors.steps) {
    const offset = here.update(step.track, step.probabilities, step.timestamp_s, true)!;
    close(offset, step.offset);
    close(corrected(step.uncorrected, offset, OPTIONS.min_probability), step.corrected);
    if (step.neutral) here.setNeutral(step.track, step.uncorrected, step.timestamp_s);
    here.forgetBefore(step.timestamp_s);
  }
});

test("a face that was marked is neutral from then on, and nobody else's", () => {
  const here = baselines();
  expect(here.update(0, SAD, 0, false)).toBeNull();
  here.setNeutral(0, SAD, 0);
  const offset = here.update(0, SAD, 0.1, false)!;
  const shown = corrected(SAD, offset, OPTIONS.min_probability);
  expect(shown.indexOf(Math.max(...shown))).toBe(NEUTRAL);
  expect(here.update(1, SAD, 0.1, false)).toBeNull();
});

test("a track that has ended is forgotten", () => {
  const here = baselines();
  here.setNeutral(0, SAD, 0);
  here.forgetBefore(0.9);
  expect(here.update(0, SAD, 0.9, false)).not.toBeNull();
  here.forgetBefore(2);
  expect(here.update(0, SAD, 2, false)).toBeNull();
});
