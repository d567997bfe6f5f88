import type { Contract } from "../engine/contract";
import type { FrameResult } from "../engine/faces";
import type { FaceRow } from "../engine/row";

/** Seconds per point of a timeline. */
export const BIN_S = 0.5;

const ROWS_PER_CHUNK = 2048;
const MOST_CHUNKS = 128;
const NUMBERS = 30;
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
  /** Per half second: its number, sums of probabilities, and how many. */
  bins: { bin: number; sums: number[]; count: number }[];
}

/** Everything that was found in one clip; grows by 0.43 MB a minute and person at 30 a second. */
export class Session {
  readonly people = new Map<number, Person>();
  frames = 0;
  length_s = 0;
  /** How much of it was saved. */
  kept_s = 0;
  /** Rows that are no longer kept. */
  dropped = 0;
  private chunks: Float64Array[] = [];
  private used = 0;

  constructor(
    private readonly contract: Contract,
    readonly name: string,
  ) {}

  /** Take one frame's result. */
  add(result: FrameResult): void {
    const time = result.timestamp_s ?? 0;
    for (const face of result.faces) {
      const track = face.track ?? face.face;
      const person = this.person(track, time);
      const passed = Math.min(Math.max(0, time - person.last_s), LONGEST_STEP_S);
      person.seconds[face.label]! += passed;
      person.last_s = time;
      person.answers++;
      person.unsure += face.unsure ? 1 : 0;
      const bin = Math.floor(time / BIN_S);
      let last = person.bins.at(-1);
      if (last === undefined || last.bin !== bin) {
        last = { bin, sums: this.contract.labels.map(() => 0), count: 0 };
        person.bins.push(last);
      }
      face.probabilities.forEach((value, place) => {
        last.sums[place]! += value;
      });
      last.count++;
      const { quality } = face;
      this.keep([
        this.frames,
        time,
        face.face,
        track,
        ...face.box_xyxy,
        face.detection_score,
        face.label,
        face.confidence,
        face.unsure ? 1 : 0,
        ...face.probabilities,
        ...(face.uncorrected ?? face.probabilities.map(() => Number.NaN)),
        quality.size_px,
        quality.sharpness,
        quality.brightness,
        quality.yaw_proxy,
        quality.roll_deg,
        quality.truncation,
      ]);
    }
    this.frames++;
    this.length_s = Math.max(this.length_s, time);
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
  *rows(): Generator<FaceRow> {
    const chunks = [...this.chunks];
    const used = this.used;
    for (const [number, chunk] of chunks.entries()) {
      const rows = number === chunks.length - 1 ? used : ROWS_PER_CHUNK;
      for (let row = 0; row < rows; row++) {
        yield this.row(chunk.subarray(row * NUMBERS, (row + 1) * NUMBERS));
      }
    }
  }

  private person(track: number, time: number): Person {
    let person = this.people.get(track);
    if (person === undefined) {
      const seconds = this.contract.labels.map(() => 0);
      person = {
        number: track,
        first_s: time,
        last_s: time,
        seconds,
        answers: 0,
        unsure: 0,
        bins: [],
      };
      this.people.set(track, person);
    }
    return person;
  }

  private keep(numbers: number[]): void {
    if (this.chunks.length === 0 || this.used === ROWS_PER_CHUNK) {
      this.chunks.push(new Float64Array(ROWS_PER_CHUNK * NUMBERS));
      // The oldest rows go, so that a page that runs for days stays as large as it is.
      if (this.chunks.length > MOST_CHUNKS) {
        this.chunks.shift();
        this.dropped += ROWS_PER_CHUNK;
      }
      this.used = 0;
    }
    this.chunks.at(-1)!.set(numbers, this.used * NUMBERS);
    this.used++;
  }

  private row(n: Float64Array): FaceRow {
    const { labels } = this.contract;
    return {
      source: this.name,
      frame: n[0]!,
      timestamp_s: n[1]!,
      face: n[2]!,
      track: n[3]!,
      box_xyxy: [n[4]!, n[5]!, n[6]!, n[7]!],
      detection_score: n[8]!,
      found: "detected",
      emotion: labels[n[9]!]!,
      confidence: n[10]!,
      unsure: n[11] === 1,
      probabilities: byLabel(labels, [...n.subarray(12, 18)]),
      uncorrected: byLabelOrNull(labels, Number.isNaN(n[18]!) ? null : [...n.subarray(18, 24)]),
      quality: {
        size_px: n[24]!,
        sharpness: n[25]!,
        brightness: n[26]!,
        yaw_proxy: n[27]!,
        roll_deg: n[28]!,
        truncation: n[29]!,
      },
    };
  }
}

/** The rows of one photo. */
export function photoRows(contract: Contract, name: string, result: FrameResult): FaceRow[] {
  return result.faces.map((face) => ({
    source: name,
    frame: 0,
    timestamp_s: null,
    face: face.face,
    track: null,
    box_xyxy: face.box_xyxy,
    detection_score: face.detection_score,
    found: "detected",
    emotion: contract.labels[face.label]!,
    confidence: face.confidence,
    unsure: face.unsure,
    probabilities: byLabel(contract.labels, face.probabilities),
    uncorrected: byLabelOrNull(contract.labels, face.uncorrected),
    quality: face.quality,
  }));
}

function byLabel(labels: string[], values: number[]): FaceRow["probabilities"] {
  const pairs = labels.map((label, place) => [label, values[place]]);
  return Object.fromEntries(pairs) as FaceRow["probabilities"];
}

function byLabelOrNull(labels: string[], values: number[] | null): FaceRow["uncorrected"] {
  const pairs = labels.map((label, place) => [label, values === null ? null : values[place]]);
  return Object.fromEntries(pairs) as FaceRow["uncorrected"];
}
