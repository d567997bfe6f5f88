import type { Contract } from "./contract";
import type { Outputs } from "./decoder";

/** Turn logits into probabilities. */
function softmax(logits: ArrayLike<number>): number[] {
  const values = Array.from(logits);
  const top = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - top));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}

/** The six probabilities of one face on their way, for the page that shows each step. */
export interface Combination {
  /** Each head's own probabilities over its own labels. */
  heads: Record<string, { labels: string[]; probabilities: number[] }>;
  /** The six without the correction for class priors and without temperature. */
  plain: number[];
  /** As users see them. */
  calibrated: number[];
}

/**
 * Combine both heads into the six probabilities as the spec says:
 * softmax((sum over heads of weight log(p M) + bias) / temperature).
 */
export function combine(contract: Contract, outputs: Outputs, face: number): Combination {
  const six = contract.emotion.spec.six!;
  const count = contract.labels.length;
  const logs: number[] = new Array(count).fill(0);
  const heads: Combination["heads"] = {};
  for (const [name, weight] of Object.entries(six.weights)) {
    const set = labelSet(contract, name);
    const size = set.labels.length;
    const probabilities = softmax(outputs[name]!.subarray(face * size, (face + 1) * size));
    heads[name] = { labels: set.labels, probabilities };
    const mapped: number[] = new Array(count).fill(0);
    set.six.forEach((place, label) => {
      if (place !== null) mapped[place]! += probabilities[label]!;
    });
    const total = mapped.reduce((sum, value) => sum + value, 0);
    mapped.forEach((value, place) => {
      logs[place]! += weight * Math.log(Math.max(value / Math.max(total, 1e-300), 1e-300));
    });
  }
  const calibrated = softmax(logs.map((log, place) => (log + six.bias[place]!) / six.temperature));
  return { heads, plain: softmax(logs), calibrated };
}

function labelSet(contract: Contract, output: string): Contract["label_sets"][string] {
  const name = contract.emotion.spec.outputs.find((each) => each.name === output)?.labels;
  const set = name == null ? undefined : contract.label_sets[name];
  if (set === undefined) throw new Error(`the emotion network's output ${output} has no labels`);
  return set;
}
