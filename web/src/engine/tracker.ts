import type { Contract } from "./contract";
import type { Box } from "./faces";
import { looksLikeAnother } from "./scenes";
import { track_timeout_s } from "./timeout";

interface Track {
  number: number;
  box: Box;
  velocity: [number, number];
  last_s: number;
  /** What the face looked like when it was last seen. */
  look: Float64Array;
}

/** Gives faces numbers that stay with the person; the same rule as `mien.track.Tracker`. */
export class Tracker {
  private tracks: Track[] = [];
  private next = 0;
  private size: [width: number, height: number] | null = null;

  constructor(
    private readonly options: Contract["tracking"],
    private readonly track_timeout: Contract["track_timeout"],
    private readonly scenes: Contract["scenes"],
  ) {}

  /** End all tracks: the next frame shows another scene. */
  cut(): void {
    this.tracks = [];
  }

  /** The numbers of the tracks that have not ended. */
  get numbers(): Set<number> {
    return new Set(this.tracks.map((track) => track.number));
  }

  /** Say how many pixels the next frame has; in a video of several sizes people stay people. */
  resize(width: number, height: number): void {
    const [x, y] = this.size === null ? [1, 1] : [width / this.size[0], height / this.size[1]];
    this.size = [width, height];
    if (x === 1 && y === 1) return;
    for (const track of this.tracks) {
      const [left, top, right, bottom] = track.box;
      track.box = [left * x, top * y, right * x, bottom * y];
      track.velocity = [track.velocity[0] * x, track.velocity[1] * y];
    }
  }

  /**
   * Number the faces of the next frame, from 0 in the order of first appearance; `looks` are their
   * appearances, and `interval_s` is the time from one detection to the next, 0 if that is not
   * known. A face that looks like another person begins a new track, wherever it is.
   */
  update(boxes: Box[], looks: Float64Array[], timestamp_s: number, interval_s = 0): number[] {
    const longest_s = track_timeout_s(this.options.max_gap_s, interval_s, this.track_timeout);
    this.tracks = this.tracks.filter((track) => timestamp_s - track.last_s <= longest_s);
    const numbers: number[] = new Array(boxes.length).fill(-1);
    for (const [face, track] of this.matches(boxes, looks, timestamp_s)) {
      this.move(track, boxes[face]!, timestamp_s);
      track.look = looks[face]!;
      numbers[face] = track.number;
    }
    numbers.forEach((number, face) => {
      if (number >= 0) return;
      const track: Track = {
        number: this.next++,
        box: boxes[face]!,
        velocity: [0, 0],
        last_s: timestamp_s,
        look: looks[face]!,
      };
      this.tracks.push(track);
      numbers[face] = track.number;
    });
    return numbers;
  }

  /** Pair faces with tracks, nearest pairs first. */
  private matches(boxes: Box[], looks: Float64Array[], timestamp_s: number): [number, Track][] {
    const pairs: { isOther: boolean; distance: number; face: number; track: Track }[] = [];
    for (const track of this.tracks) {
      const passed = timestamp_s - track.last_s;
      const [vx, vy] = track.velocity;
      const expected = track.box.map((side, axis) => side + (axis % 2 ? vy : vx) * passed) as Box;
      boxes.forEach((box, face) => {
        const distance = this.distance(expected, box);
        if (distance === null) return;
        const compared = passed <= this.options.max_compared_s;
        const isOther = compared && looksLikeAnother(track.look, looks[face]!, this.scenes);
        pairs.push({ isOther, distance, face, track });
      });
    }
    pairs.sort((a, b) => Number(a.isOther) - Number(b.isOther) || a.distance - b.distance);
    const faces = new Set<number>();
    const tracks = new Set<Track>();
    const ended = new Set<Track>();
    const chosen: [number, Track][] = [];
    for (const { isOther, face, track } of pairs) {
      if (faces.has(face) || tracks.has(track)) continue;
      tracks.add(track);
      if (isOther) {
        // Somebody else is where the person was.
        ended.add(track);
      } else {
        faces.add(face);
        chosen.push([face, track]);
      }
    }
    this.tracks = this.tracks.filter((track) => !ended.has(track));
    return chosen;
  }

  private move(track: Track, box: Box, timestamp_s: number): void {
    const passed = timestamp_s - track.last_s;
    if (passed > 0) {
      const share = this.options.velocity_weight;
      const here = centre(box);
      const before = centre(track.box);
      track.velocity = track.velocity.map(
        (speed, axis) => (share * (here[axis]! - before[axis]!)) / passed + (1 - share) * speed,
      ) as [number, number];
    }
    track.box = box;
    track.last_s = timestamp_s;
  }

  /** How far a face is from where it is expected, in sizes; null if it cannot be the same. */
  private distance(expected: Box, box: Box): number | null {
    const here = size(expected);
    const there = size(box);
    const growth = Math.max(here / there, there / here);
    const [x, y] = centre(box);
    const [ex, ey] = centre(expected);
    const apart = Math.hypot(x - ex, y - ey) / Math.max(here, there);
    if (growth > this.options.max_scale_change || apart > this.options.max_distance) return null;
    return apart + 0.5 * Math.log2(growth);
  }
}

function centre(box: Box): [number, number] {
  return [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
}

function size(box: Box): number {
  const width = Math.max(box[2] - box[0], 1e-3);
  const height = Math.max(box[3] - box[1], 1e-3);
  return Math.max(Math.sqrt(width * height), 1e-3);
}
