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

/** After how many seconds without a detection a track ends; as in Python. */
export function track_timeout_s(gap_s: number, interval_s: number, options: Options): number {
  return Math.max(gap_s, options.min_intervals * interval_s);
}
