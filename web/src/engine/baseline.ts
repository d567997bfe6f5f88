/**
 * What a person's face shows at rest, the same rule as in Python (`mien.track.baseline`, held
 * together by the vectors in `tests/parity/baseline.json`).
 */

import type { BaselineSpec, Contract } from "./contract";
import { track_timeout_s } from "./timeout";

interface State {
  total: number[];
  weight: number;
  timestamp_s: number;
  /** The offset by a face that is known to be neutral. */
  neutral: number[] | null;
}

/** The offsets of the people of one clip. */
export class Baselines {
  private readonly states = new Map<number, State>();

  constructor(
    private readonly spec: BaselineSpec,
    private readonly options: Contract["baseline"],
    private readonly max_gap_s: number,
    private readonly track_timeout: Contract["track_timeout"],
  ) {}

  /**
   * Take one frame's probabilities of a person, not smoothed; return the person's offset. Without
   * `estimates` only people have one whose neutral face is known; null is no offset.
   */
  update(
    track: number,
    probabilities: number[],
    timestamp_s: number,
    estimates: boolean,
  ): number[] | null {
    const state = this.state(track, timestamp_s);
    const { prior, observation_s, max_step_s } = this.options;
    const passed_s = Math.min(Math.max(0, timestamp_s - state.timestamp_s), max_step_s);
    const weight = passed_s / observation_s;
    const residual = this.residual(probabilities);
    state.total = state.total.map((sum, place) => sum + weight * residual[place]!);
    state.weight += weight;
    state.timestamp_s = timestamp_s;
    if (state.neutral !== null) return state.neutral;
    return estimates ? state.total.map((sum) => sum / (state.weight + prior)) : null;
  }

  /** Take a person's probabilities as those of the neutral face, until the track ends. */
  setNeutral(track: number, probabilities: number[], timestamp_s: number): void {
    const { prior, neutral_weight, min_probability } = this.options;
    const share = neutral_weight / (neutral_weight + prior);
    const logs = centredLogs(probabilities, min_probability);
    this.state(track, timestamp_s).neutral = logs.map(
      (log, place) => share * (log - this.spec.neutral[place]!),
    );
  }

  /** Drop the tracks that have ended by this time. */
  forgetBefore(timestamp_s: number, interval_s = 0): void {
    const longest_s = track_timeout_s(this.max_gap_s, interval_s, this.track_timeout);
    for (const [track, state] of this.states) {
      if (timestamp_s - state.timestamp_s > longest_s) this.states.delete(track);
    }
  }

  private residual(probabilities: number[]): number[] {
    return centredLogs(probabilities, this.options.min_probability).map((log, place) =>
      probabilities.reduce((rest, p, label) => rest - p * this.spec.centres[label]![place]!, log),
    );
  }

  private state(track: number, timestamp_s: number): State {
    let state = this.states.get(track);
    if (state === undefined) {
      state = { total: this.spec.neutral.map(() => 0), weight: 0, timestamp_s, neutral: null };
      this.states.set(track, state);
    }
    return state;
  }
}

/** Return probabilities without a person's offset. */
export function corrected(
  probabilities: number[],
  offset: number[],
  min_probability: number,
): number[] {
  const logs = centredLogs(probabilities, min_probability).map(
    (log, place) => log - offset[place]!,
  );
  const top = Math.max(...logs);
  const powers = logs.map((log) => Math.exp(log - top));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}

function centredLogs(probabilities: number[], min_probability: number): number[] {
  const logs = probabilities.map((value) => Math.log(Math.max(value, min_probability)));
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  return logs.map((log) => log - mean);
}
