import type { Contract } from "../engine/contract";
import type { FacePrediction, FaceUnits, FrameResult } from "../engine/faces";
import { unsureReason } from "../engine/quality";
import type { FaceRow } from "../engine/row";
import { UnitRows, unitFields } from "../units/rows";
import type { Answer } from "./episodes";

const ROWS_PER_CHUNK = 2048;
const NUMBERS = 31;

/**
 * The rows of a clip in little memory: 0.43 MB a minute and person at 30 a second, and as much again
 * where they have expression units.
 */
export class RowStore {
  /** Rows that are no longer kept. */
  dropped = 0;
  /** Whether a row ever had expression units. */
  hasUnits = false;
  private chunks: Float64Array[] = [];
  /** Those of each chunk; null where none were asked for. */
  private units: (UnitRows | null)[] = [];
  private used = 0;

  constructor(
    private readonly contract: Contract,
    private readonly name: string,
    private readonly most_chunks: number,
  ) {}

  /** Rows that were ever added. */
  get count(): number {
    return this.dropped + Math.max(0, this.chunks.length - 1) * ROWS_PER_CHUNK + this.used;
  }

  add(frame: number, timestamp_s: number, face: FacePrediction): void {
    if (this.chunks.length === 0 || this.used === ROWS_PER_CHUNK) {
      this.chunks.push(new Float64Array(ROWS_PER_CHUNK * NUMBERS));
      this.units.push(null);
      // The oldest rows go, so that a page that runs for days stays as large as it is.
      if (this.chunks.length > this.most_chunks) {
        this.chunks.shift();
        this.units.shift();
        this.dropped += ROWS_PER_CHUNK;
      }
      this.used = 0;
    }
    const { quality } = face;
    const numbers = [
      frame,
      timestamp_s,
      face.face,
      face.track ?? face.face,
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
      face.found === "followed" ? 1 : 0,
    ];
    this.chunks.at(-1)!.set(numbers, this.used * NUMBERS);
    if (face.units !== undefined) this.addUnits(face.units);
    this.used++;
  }

  /** The rows of this moment in their order, whatever is added meanwhile. */
  *rows(): Generator<FaceRow> {
    for (const { n, units } of this.all()) {
      yield faceRow(this.contract, this.name, n[0]!, n[1]!, this.face(n, units));
    }
  }

  /** What each row says of its person, for episodes. */
  *answers(): Generator<Answer> {
    for (const { n } of this.all()) {
      const unsure = n[11] === 1;
      yield { time_s: n[1]!, person: n[3]!, label: n[9]!, confidence: n[10]!, unsure };
    }
  }

  /** The units of each row in which they were asked for, and whose they are. */
  *unitsOfPeople(): Generator<{ person: number; units: FaceUnits }> {
    for (const { n, units } of this.all()) {
      if (units !== undefined) yield { person: n[3]!, units };
    }
  }

  /** The faces of the rows from one number to another, those that are dropped left out. */
  faces(from: number, to: number): FacePrediction[] {
    const faces: FacePrediction[] = [];
    for (let row = Math.max(from, this.dropped); row < to; row++) {
      const place = row - this.dropped;
      const number = Math.floor(place / ROWS_PER_CHUNK);
      const own = place % ROWS_PER_CHUNK;
      const numbers = this.chunks[number]!.subarray(own * NUMBERS, (own + 1) * NUMBERS);
      faces.push(this.face(numbers, this.units[number]?.get(own)));
    }
    return faces;
  }

  private addUnits(units: FaceUnits): void {
    const last = this.units.length - 1;
    this.units[last] ??= new UnitRows(this.contract, ROWS_PER_CHUNK);
    this.units[last].set(this.used, units);
    this.hasUnits = true;
  }

  private *all(): Generator<{ n: Float64Array; units: FaceUnits | undefined }> {
    const chunks = [...this.chunks];
    const all_units = [...this.units];
    const used = this.used;
    for (const [number, chunk] of chunks.entries()) {
      const rows = number === chunks.length - 1 ? used : ROWS_PER_CHUNK;
      for (let row = 0; row < rows; row++) {
        const n = chunk.subarray(row * NUMBERS, (row + 1) * NUMBERS);
        yield { n, units: all_units[number]?.get(row) };
      }
    }
  }

  private face(n: Float64Array, units: FaceUnits | undefined): FacePrediction {
    const quality = {
      size_px: n[24]!,
      sharpness: n[25]!,
      brightness: n[26]!,
      yaw_proxy: n[27]!,
      roll_deg: n[28]!,
      truncation: n[29]!,
    };
    const unsure = n[11] === 1;
    return {
      face: n[2]!,
      track: n[3]!,
      box_xyxy: [n[4]!, n[5]!, n[6]!, n[7]!],
      landmarks_xy: [],
      detection_score: n[8]!,
      found: n[30] === 1 ? "followed" : "detected",
      label: n[9]!,
      confidence: n[10]!,
      unsure,
      reason: unsure ? unsureReason(quality, this.contract.unsure, units) : null,
      probabilities: [...n.subarray(12, 18)],
      uncorrected: Number.isNaN(n[18]!) ? null : [...n.subarray(18, 24)],
      quality,
      ...(units === undefined ? {} : { units }),
    };
  }
}

/** The rows of one photo. */
export function photoRows(contract: Contract, name: string, result: FrameResult): FaceRow[] {
  return result.faces.map((face) => faceRow(contract, name, 0, null, face));
}

function faceRow(
  contract: Contract,
  source: string,
  frame: number,
  timestamp_s: number | null,
  face: FacePrediction,
): FaceRow {
  const { labels } = contract;
  return {
    source,
    frame,
    timestamp_s,
    face: face.face,
    track: face.track,
    box_xyxy: face.box_xyxy,
    detection_score: face.detection_score,
    found: face.found,
    emotion: labels[face.label]!,
    confidence: face.confidence,
    unsure: face.unsure,
    probabilities: byLabel(labels, face.probabilities),
    uncorrected: byLabelOrNull(labels, face.uncorrected),
    quality: face.quality,
    ...unitFields(contract, face.units),
  };
}

function byLabel(labels: string[], values: number[]): FaceRow["probabilities"] {
  const pairs = labels.map((label, place) => [label, values[place]]);
  return Object.fromEntries(pairs) as FaceRow["probabilities"];
}

function byLabelOrNull(labels: string[], values: number[] | null): FaceRow["uncorrected"] {
  const pairs = labels.map((label, place) => [label, values === null ? null : values[place]]);
  return Object.fromEntries(pairs) as FaceRow["uncorrected"];
}
