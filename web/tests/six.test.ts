import { expect, test } from "vitest";

import type { Contract } from "../src/engine/contract";
import { combine } from "../src/engine/six";

/** Two labels, one head that knows a third one besides. */
function contract(six: object): Contract {
  const spec = { outputs: [{ name: "logits", labels: "three" }], six };
  return {
    labels: ["happy", "sad"],
    label_sets: { three: { labels: ["sad", "other", "happy"], six: [1, null, 0] } },
    emotion: { spec },
  } as unknown as Contract;
}

const PLAIN = { weights: { logits: 1 }, bias: [0, 0], temperature: 1, unsure_below: 0.5 };
const logits = (...values: number[]) => ({ logits: Float32Array.from(values.map(Math.log)) });

test("labels are brought into the page's order; what has no place there is left out", () => {
  const { calibrated, plain, heads } = combine(contract(PLAIN), logits(0.3, 0.6, 0.1), 0);
  expect(calibrated[0]).toBeCloseTo(0.25, 6);
  expect(calibrated[1]).toBeCloseTo(0.75, 6);
  expect(plain).toEqual(calibrated);
  expect(heads.logits!.labels).toEqual(["sad", "other", "happy"]);
  expect(heads.logits!.probabilities[1]).toBeCloseTo(0.6, 6);
});

test("each face of a batch has its own answer", () => {
  const two = logits(0.3, 0.6, 0.1, 0.2, 0.2, 0.6);
  expect(combine(contract(PLAIN), two, 1).calibrated[0]).toBeCloseTo(0.75, 6);
});

test("a bias shifts the answer, and a temperature flattens it", () => {
  const biased = combine(contract({ ...PLAIN, bias: [Math.log(3), 0] }), logits(0.3, 0.6, 0.1), 0);
  expect(biased.calibrated[0]).toBeCloseTo(0.5, 6);
  expect(biased.plain[0]).toBeCloseTo(0.25, 6);
  const flat = combine(contract({ ...PLAIN, temperature: 2 }), logits(0.9, 0, 0.1), 0);
  expect(flat.calibrated[1]).toBeCloseTo(0.75, 6);
});

test("an output without labels is told", () => {
  const six = { ...PLAIN, weights: { unknown: 1 } };
  expect(() => combine(contract(six), logits(1, 1, 1), 0)).toThrow("output unknown has no labels");
});
