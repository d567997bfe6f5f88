/** The rules of "Make this face": one round per expression, thirty seconds in all. */

export const ROUND_S = 5;

/** The best moment of a round. */
export interface Take {
  score: number;
  image: ImageBitmap | null;
}

/** One game; it moves on by the times of the frames that it sees, and begins with the first face. */
export class Game {
  readonly takes: Take[];
  /** The share of the wanted expression in the newest frame. */
  live = 0;
  private begun_s: number | null = null;
  private now_s = 0;

  constructor(count: number) {
    this.takes = Array.from({ length: count }, () => ({ score: 0, image: null }));
  }

  /** The round that is played, which is also the place of the wanted label. */
  get round(): number {
    return Math.min(Math.floor(this.passed_s / ROUND_S), this.takes.length - 1);
  }

  get hasBegun(): boolean {
    return this.begun_s !== null;
  }

  get isOver(): boolean {
    return this.passed_s >= ROUND_S * this.takes.length;
  }

  /** Whole seconds that are left of the round. */
  get left_s(): number {
    return Math.ceil(ROUND_S - (this.passed_s - this.round * ROUND_S));
  }

  private get passed_s(): number {
    return this.begun_s === null ? 0 : Math.max(0, this.now_s - this.begun_s);
  }

  /** Take a frame of a time: the six shares and the crop of its largest face, or null. */
  see(time_s: number, found: { probabilities: number[]; image: ImageBitmap } | null): void {
    this.now_s = time_s;
    if (found !== null) this.begun_s ??= time_s;
    this.live = 0;
    if (found === null || this.isOver) {
      found?.image.close();
      return;
    }
    const take = this.takes[this.round]!;
    this.live = found.probabilities[this.round]!;
    if (take.image !== null && this.live <= take.score) {
      found.image.close();
      return;
    }
    take.image?.close();
    this.takes[this.round] = { score: this.live, image: found.image };
  }

  /** Let the crops go. */
  close(): void {
    for (const { image } of this.takes) image?.close();
  }
}
