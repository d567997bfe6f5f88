import type { Contract } from "../engine/contract";
import type { FacePrediction, FaceUnits, FrameResult } from "../engine/faces";
import type { Row } from "../engine/row";
import { meanUnits } from "../units/mean";
import type { Said } from "../words";
import { addToBins, type Bin, paired } from "./bins";
import { type Episode, findEpisodes } from "./episodes";
import { FrameIndex } from "./frame_index";
import { RowStore } from "./rows";

/** Seconds per point of a camera's timeline. */
export const BIN_S = 0.5;
/** So much of it is kept point by point. */
export const LATELY_S = 120;
/** A clip has at most so many points; when it grows longer, each stands for twice the time. */
const MOST_BINS = 1200;
/** What a camera's list shows of a person is let go of after so long; the list drops them before. */
const FORGOTTEN_AFTER_S = 60;

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
  /** The whole clip, with points of the session's `bin_s`. */
  bins: Bin[];
  /** With a camera the last two minutes, with points of `BIN_S`, and the newest answer. */
  lately: Bin[];
  newest: FacePrediction | null;
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
  /** People of a camera of whom there is more than the sums. */
  private readonly recent = new Set<Person>();
  private bin_length_s: number;

  /** A clip of a camera, or a video whose results can be shown again. */
  constructor(
    private readonly contract: Contract,
    readonly name: string,
    bin_s = BIN_S,
    isVideo = false,
  ) {
    this.bin_length_s = bin_s;
    this.index = isVideo ? new FrameIndex() : null;
    this.store = new RowStore(contract, name, isVideo ? VIDEO_CHUNKS : CAMERA_CHUNKS);
  }

  /** Seconds per point of the people's `bins`. */
  get bin_s(): number {
    return this.bin_length_s;
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
    while (time >= MOST_BINS * this.bin_s) this.coarsen();
    const frame = result.frame ?? this.frames;
    for (const face of result.faces) {
      const person = this.person(face.track ?? face.face, time);
      const passed = Math.min(Math.max(0, time - person.last_s), LONGEST_STEP_S);
      person.seconds[face.label]! += passed;
      person.last_s = time;
      person.answers++;
      person.unsure += face.unsure ? 1 : 0;
      addToBins(person.bins, time / this.bin_s, face.probabilities);
      if (this.index === null) this.keep(person, face, time);
      this.store.add(frame, time, face);
    }
    for (const { person, image } of result.portraits ?? []) {
      const whose = this.person(person, time);
      whose.portrait?.close();
      whose.portrait = image;
    }
    this.forget(time);
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

  /** Seconds per label, all people together. */
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

  /** Let the portraits go: the session is shown no longer. */
  close(): void {
    for (const person of this.people.values()) dropPortrait(person);
  }

  /** Keep what a camera's list shows of a person. */
  private keep(person: Person, face: FacePrediction, time: number): void {
    person.newest = face;
    addToBins(person.lately, time / BIN_S, face.probabilities);
    while (person.lately[0]!.bin < Math.floor((time - LATELY_S) / BIN_S)) person.lately.shift();
    this.recent.add(person);
  }

  /** Let go of what is no longer shown, so that a page that runs for days stays as large as it is. */
  private forget(time: number): void {
    for (const person of this.recent) {
      if (time - person.last_s < FORGOTTEN_AFTER_S) continue;
      person.newest = null;
      person.lately = [];
      dropPortrait(person);
      this.recent.delete(person);
    }
  }

  /** Let each point stand for twice the time. */
  private coarsen(): void {
    this.bin_length_s *= 2;
    for (const person of this.people.values()) person.bins = paired(person.bins);
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
        lately: [],
        newest: null,
        portrait: null,
      };
      this.people.set(number, person);
    }
    return person;
  }
}

function dropPortrait(person: Person): void {
  person.portrait?.close();
  person.portrait = null;
}
