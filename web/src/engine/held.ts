/** Frames of a video that wait until it is known which of their faces are people's, as in Python. */

import type { FrameResult, Portrait } from "./faces";
import type { People } from "./people";

/** Numbers people in the order in which their frames go, and leaves nobody's faces out. */
export class HeldFrames {
  private items: FrameResult[] = [];
  /** The newest portraits of tracks, until it is known whose they are. */
  private readonly portraits = new Map<number, ImageBitmap>();

  constructor(
    private readonly people: People,
    private readonly most: number,
  ) {}

  /** Add the next frame, whose faces have the numbers of their tracks. */
  add(result: FrameResult): void {
    this.items.push(result);
  }

  /** Take a portrait, whose number is that of its track; it goes with the next of its frames. */
  keep({ person: track, image }: Portrait): void {
    this.portraits.get(track)?.close();
    this.portraits.set(track, image);
  }

  /** Give and remove the frames that need not wait any longer; `alive` are tracks that go on. */
  release(alive: Set<number>): FrameResult[] {
    const { people } = this;
    let count = 0;
    for (const item of this.items) {
      const time_s = item.timestamp_s!;
      const waits = item.faces.some(
        ({ track }) => alive.has(track!) && people.mayBecome(track!, time_s),
      );
      if (waits && this.items.length - count <= this.most) break;
      count++;
    }
    const released = this.items.splice(0, count).map((item) => this.numbered(item));
    const waiting = this.items.flatMap((item) => item.faces.map((face) => face.track!));
    const open = new Set([...waiting, ...alive]);
    people.forgetAllBut(open);
    for (const [track, image] of [...this.portraits]) {
      if (open.has(track)) continue;
      image.close();
      this.portraits.delete(track);
    }
    return released;
  }

  /** Let go of everything that waits. */
  close(): void {
    this.items = [];
    for (const image of this.portraits.values()) image.close();
    this.portraits.clear();
  }

  private numbered(item: FrameResult): FrameResult {
    const portraits: Portrait[] = [];
    const faces = item.faces
      .filter(({ track }) => this.people.isPerson(track!, item.timestamp_s!))
      .map((face, place) => {
        const person = this.people.number(face.track!);
        const image = this.portraits.get(face.track!);
        if (image !== undefined) portraits.push({ person, image });
        this.portraits.delete(face.track!);
        return { ...face, face: place, track: person };
      });
    return { ...item, faces, portraits };
  }
}
