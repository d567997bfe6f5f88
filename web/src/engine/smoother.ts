/**
 * Expressions over time, the same rule as in Python (`mien.track.smoothing`, held together by
 * the vectors in `tests/parity/smoother.json`).
 */

import { corrected } from "./baseline";
import type { Contract } from "./contract";
import { track_timeout_s } from "./timeout";

interface State {
  logs: number[];
  label: number;
  timestamp_s: number;
  /** Further values of the person, and when there were some. */
  values: number[] | null;
  values_s: number;
}

/** The probabilities of a face to show. */
export interface Shown {
  probabilities: number[];
  label: number;
  /** The probabilities before the person's baseline was taken off; null if none was. */
  uncorrected: number[] | null;
}

export class Smoother {
  private readonly states = new Map<number, State>();

  constructor(
    private readonly options: Contract["smoothing"],
    private readonly track_timeout: Contract["track_timeout"],
  ) {}

  /**
   * Take one frame's probabilities of a person; return the smoothed ones and the label to show.
   * `interval_s` is the time from one detection to the next, 0 if that is not known. The person's
   * baseline, `offset`, is taken off what is shown; null takes nothing off.
   */
  update(
    track: number,
    probabilities: number[],
    timestamp_s: number,
    interval_s = 0,
    offset: number[] | null = null,
  ): Shown {
    const logs = probabilities.map((value) =>
      Math.log(Math.max(value, this.options.min_probability)),
    );
    let state = this.states.get(track);
    const longest_s = track_timeout_s(this.options.forget_s, interval_s, this.track_timeout);
    if (state === undefined || timestamp_s - state.timestamp_s > longest_s) {
      state = { logs, label: largest(logs), timestamp_s, values: null, values_s: 0 };
      this.states.set(track, state);
    } else {
      const share = this.weight(timestamp_s - state.timestamp_s);
      state.logs = state.logs.map((log, place) => log + share * (logs[place]! - log));
      state.timestamp_s = timestamp_s;
    }
    const top = Math.max(...state.logs);
    const powers = state.logs.map((log) => Math.exp(log - top));
    const total = powers.reduce((sum, value) => sum + value, 0);
    const smoothed = powers.map((value) => value / total);
    const shown =
      offset === null ? smoothed : corrected(smoothed, offset, this.options.min_probability);
    const best = largest(shown);
    if (shown[best]! - shown[state.label]! >= this.options.margin) state.label = best;
    const uncorrected = offset === null ? null : smoothed;
    return { probabilities: shown, label: state.label, uncorrected };
  }

  /**
   * Take further values of a person, whose probabilities of this frame `update` has taken; return
   * the smoothed ones. After a longer absence of them they start anew.
   */
  updateValues(track: number, values: number[], timestamp_s: number, interval_s = 0): number[] {
    const state = this.states.get(track)!;
    const longest_s = track_timeout_s(this.options.forget_s, interval_s, this.track_timeout);
    const passed_s = timestamp_s - state.values_s;
    const before = state.values;
    if (before !== null && passed_s <= longest_s) {
      const share = this.weight(passed_s);
      state.values = before.map((value, place) => value + share * (values[place]! - value));
    } else {
      state.values = values;
    }
    state.values_s = timestamp_s;
    return state.values;
  }

  /** How much of a change comes through after so many seconds, 0 to 1. */
  private weight(passed_s: number): number {
    const tau = this.options.time_constant_s;
    return tau > 0 ? 1 - Math.exp(-Math.max(0, passed_s) / tau) : 1;
  }

  /** Drop whoever would start anew at this time anyway. */
  forgetBefore(timestamp_s: number, interval_s = 0): void {
    const longest_s = track_timeout_s(this.options.forget_s, interval_s, this.track_timeout);
    for (const [track, state] of this.states) {
      if (timestamp_s - state.timestamp_s > longest_s) this.states.delete(track);
    }
  }
}

/** Return the place of the largest value, the first of several. */
export function largest(values: number[]): number {
  return values.indexOf(Math.max(...values));
}
