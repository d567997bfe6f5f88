import type { Contract } from "./contract";

type Options = Contract["track_timeout"];

/**
 * Seconds from one detection to the next as a running mean, 0 before the second one; the same rule
 * as for a camera in Python (`tests/parity/sparse.json` holds both together).
 */
export class DetectionInterval {
  mean_s = 0;
  private last_s: number | null = null;

  constructor(private readonly options: Options) {}

  /** Note the time of a detection; returns the mean. */
  update(timestamp_s: number): number {
    if (this.last_s !== null && timestamp_s > this.last_s) {
      const passed_s = timestamp_s - this.last_s;
      const change_s = this.options.newest_interval_weight * (passed_s - this.mean_s);
      this.mean_s = this.mean_s === 0 ? passed_s : this.mean_s + change_s;
    }
    this.last_s = timestamp_s;
    return this.mean_s;
  }
}

/**
 * Seconds from one detection to the next in a video: the longer of the last two steps, so that a
 * person who is missed once stays the same one; as in Python (`mien.track.SamplingInterval`).
 */
export class SamplingInterval {
  private times_s: number[] = [];

  /** No interval is shorter than `least_s`. */
  constructor(private readonly least_s: number) {}

  /** Note the time of a detection; returns the interval. */
  update(timestamp_s: number): number {
    this.times_s = [...this.times_s.slice(-2), timestamp_s];
    const steps = this.times_s.slice(1).map((time_s, place) => time_s - this.times_s[place]!);
    return Math.max(this.least_s, ...steps);
  }
}

/** After how many seconds without a detection a track ends; as in Python. */
export function track_timeout_s(gap_s: number, interval_s: number, options: Options): number {
  return Math.max(gap_s, options.min_intervals * interval_s);
}
