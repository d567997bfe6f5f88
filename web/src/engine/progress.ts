/** Hears how many bytes a file is on the line, and of those that came. */
export interface Coming {
  size(bytes: number): void;
  came(bytes: number): void;
}

/** What share of some files came, by what travels: a host may send them compressed. */
export class Progress {
  private came = 0;

  /** The files' sizes as long as nothing else is known; `told` hears of the share, 0 to 1. */
  constructor(
    private readonly sizes: number[],
    private readonly told: (share: number) => void,
  ) {}

  /** What hears of one of the files. */
  of(place: number): Coming {
    return {
      size: (bytes) => {
        this.sizes[place] = bytes;
      },
      came: (bytes) => {
        this.came += bytes;
        const all = this.sizes.reduce((sum, size) => sum + size, 0);
        this.told(Math.min(1, this.came / all));
      },
    };
  }
}
