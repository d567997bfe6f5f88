import type { Contract } from "../engine/contract";
import type { FaceUnits, FrameResult } from "../engine/faces";
import type { Row } from "../engine/row";
import { meanUnits } from "../units/mean";
import type { Said } from "../words";
import { type Episode, findEpisodes } from "./episodes";
import { FrameIndex } from "./frame_index";
import { RowStore } from "./rows";

/** Seconds per point of a camera's timeline. */
export const BIN_S = 0.5;

const CAMERA_CHUNKS = 128;
/** A million rows, which take 260 MB: nine hours of one person at 30 frames a second. */
const VIDEO_CHUNKS = 512;
/** A longer pause between two frames is no time in which an expression was shown. */
const LONGEST_STEP_S = 1;

/** What is known of one person of a session. */
export interface Person {
  number: number;
  first_s: number;
  last_s: number;
  /** Seconds per shown label. */
  seconds: number[];
  answers: number;
  unsure: number;
  /** Per point of the timeline: its number, sums of probabilities, and how many. */
  bins: { bin: number; sums: number[]; count: number }[];
  portrait: ImageBitmap | null;
}

/** Everything that was found in one clip. */
export class Session {
  readonly people = new Map<number, Person>();
  frames = 0;
  length_s = 0;
  /** How much of it was saved. */
  kept_s = 0;
  /** What is wrong with the video, if something is; the rows end with it. */
  fault: Said | null = null;
  /** The frames of a video, each with the results that are shown again. */
  private readonly index: FrameIndex | null;
  private readonly store: RowStore;

  /** A clip of a camera, or a video whose results can be shown again. */
  constructor(
    private readonly contract: Contract,
    readonly name: string,
    readonly bin_s = BIN_S,
    isVideo = false,
  ) {
    this.index = isVideo ? new FrameIndex() : null;
    this.store = new RowStore(contract, name, isVideo ? VIDEO_CHUNKS : CAMERA_CHUNKS);
  }

  /** Whether frames of a video are missing, since it is still being read or reading it failed. */
  get isPartial(): boolean {
    return this.index !== null && !this.index.isWhole;
  }

  /** Rows that are no longer kept. */
  get dropped(): number {
    return this.store.dropped;
  }

  /** Whether rows have expression units. */
  get hasUnits(): boolean {
    return this.store.hasUnits;
  }

  /** Take one frame's result. */
  add(result: FrameResult): void {
    const time = result.timestamp_s ?? 0;
    this.index?.add(time, this.store.count, result.width, result.height);
    const frame = result.frame ?? this.frames;
    for (const face of result.faces) {
      const person = this.person(face.track ?? face.face, time);
      const passed = Math.min(Math.max(0, time - person.last_s), LONGEST_STEP_S);
      person.seconds[face.label]! += passed;
      person.last_s = time;
      person.answers++;
      person.unsure += face.unsure ? 1 : 0;
      const bin = Math.floor(time / this.bin_s);
      let last = person.bins.at(-1);
      if (last === undefined || last.bin !== bin) {
        last = { bin, sums: this.contract.labels.map(() => 0), count: 0 };
        person.bins.push(last);
      }
      face.probabilities.forEach((value, place) => {
        last.sums[place]! += value;
      });
      last.count++;
      this.store.add(frame, time, face);
    }
    for (const { person, image } of result.portraits ?? []) {
      this.person(person, time).portrait = image;
    }
    this.frames++;
    this.length_s = Math.max(this.length_s, time);
  }

  /** What was found in the frame that a video shows at a time; null where it was not read yet. */
  at(time_s: number): FrameResult | null {
    const found = this.index?.at(time_s) ?? null;
    if (found === null) return null;
    const { timestamp_s, width, height, from, to } = found;
    const faces = this.store.faces(from, to ?? this.store.count);
    return { timestamp_s, width, height, faces };
  }

  /** No frames follow: the last one is shown until the end. */
  end(): void {
    if (this.index !== null) this.index.isWhole = true;
  }

  /** The share of all answers that are unsure; null without one. */
  unsureShare(): number | null {
    let [unsure, answers] = [0, 0];
    for (const person of this.people.values()) {
      unsure += person.unsure;
      answers += person.answers;
    }
    return answers > 0 ? unsure / answers : null;
  }

  /** Seconds per label, all people together. An unsure answer counts as its label, as in Python. */
  totals(): number[] {
    const totals = this.contract.labels.map(() => 0);
    for (const person of this.people.values()) {
      person.seconds.forEach((value, place) => {
        totals[place]! += value;
      });
    }
    return totals;
  }

  /** The rows of this moment in their order, whatever is added meanwhile. */
  *rows(): Generator<Row> {
    yield* this.store.rows();
    if (this.fault === null) return;
    const frame = Math.max(0, this.frames - 1);
    yield { source: this.name, frame, timestamp_s: null, error: this.fault() };
  }

  /** The mean expression units of each person for whom some were read. */
  meanUnits(): Map<number, FaceUnits> {
    return meanUnits(this.store.unitsOfPeople());
  }

  /** The times in which people show one expression, in order. */
  episodes(): Episode[] {
    return findEpisodes(this.store.answers(), this.contract);
  }

  private person(number: number, time: number): Person {
    let person = this.people.get(number);
    if (person === undefined) {
      person = {
        number,
        first_s: time,
        last_s: time,
        seconds: this.contract.labels.map(() => 0),
        answers: 0,
        unsure: 0,
        bins: [],
        portrait: null,
      };
      this.people.set(number, person);
    }
    return person;
  }
}
