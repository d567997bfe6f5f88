/** Numbers per frame: its time, the number of its first row, its width and height. */
const NUMBERS = 4;
const FIRST_FRAMES = 1024;
/** A video element gives the time of a frame a little inexactly. */
const TOLERANCE_S = 1e-3;

export interface IndexedFrame {
  timestamp_s: number;
  width: number;
  height: number;
  /** The numbers of its first row and of the next frame's; null if it is the last one. */
  from: number;
  to: number | null;
}

/** Which rows belong to which frame of a video: 32 bytes per frame. */
export class FrameIndex {
  private numbers = new Float64Array(FIRST_FRAMES * NUMBERS);
  private count = 0;
  /** Whether no frames follow. */
  isWhole = false;

  /** Note the next frame; its time is not before that of the last one. */
  add(timestamp_s: number, row: number, width: number, height: number): void {
    if (this.count * NUMBERS === this.numbers.length) {
      const larger = new Float64Array(2 * this.numbers.length);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.numbers.set([timestamp_s, row, width, height], NUMBERS * this.count++);
  }

  /** The last frame that is not after a time; null before the first and after what was noted. */
  at(time_s: number): IndexedFrame | null {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.time(middle) <= time_s + TOLERANCE_S) low = middle + 1;
      else high = middle;
    }
    const frame = low - 1;
    if (frame < 0 || (low === this.count && time_s > this.time(frame) + this.longest_s))
      return null;
    const [timestamp_s, from, width, height] = this.numbers.subarray(
      frame * NUMBERS,
      (frame + 1) * NUMBERS,
    ) as unknown as [number, number, number, number];
    const to = low < this.count ? this.numbers[low * NUMBERS + 1]! : null;
    return { timestamp_s, width, height, from, to };
  }

  /** For so long the last frame that was noted is shown. */
  private get longest_s(): number {
    if (this.isWhole) return Number.POSITIVE_INFINITY;
    const spans = this.count - 1;
    return spans > 0 ? (2 * (this.time(spans) - this.time(0))) / spans : 0;
  }

  private time(frame: number): number {
    return this.numbers[frame * NUMBERS]!;
  }
}
