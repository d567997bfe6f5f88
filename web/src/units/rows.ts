/** Expression units in saved rows, and in little memory. */

import type { Contract } from "../engine/contract";
import type { FaceUnits, UnitsMissing } from "../engine/faces";
import type { FaceRow } from "../engine/row";
import { actionUnits, byName, unitNames } from "./names";

/** What the last number of a row says: nothing was asked, there are units, or why there are none. */
const STATES: ("unasked" | UnitsMissing | null)[] = [
  "unasked",
  null,
  "small",
  "turned away",
  "rotated",
];
/** Yaw, pitch, roll and the state. */
const BESIDE_UNITS = 4;

/** The units of so many rows: 4 bytes each. */
export class UnitRows {
  private readonly numbers: Float32Array;
  private readonly length: number;

  constructor(contract: Contract, rows: number) {
    this.length = unitNames(contract).length + BESIDE_UNITS;
    this.numbers = new Float32Array(rows * this.length);
  }

  set(row: number, { values, pose, missing }: FaceUnits): void {
    const place = row * this.length;
    if (values !== null && pose !== null) {
      this.numbers.set([...values, pose.yaw_deg, pose.pitch_deg, pose.roll_deg], place);
    }
    this.numbers[place + this.length - 1] = STATES.indexOf(missing);
  }

  /** The units of a row; undefined if they were not asked for. */
  get(row: number): FaceUnits | undefined {
    const found = this.numbers.subarray(row * this.length, (row + 1) * this.length);
    const state = STATES[found.at(-1)!]!;
    if (state === "unasked") return undefined;
    if (state !== null) return { values: null, pose: null, missing: state };
    const values = [...found.subarray(0, -BESIDE_UNITS)];
    const [yaw_deg, pitch_deg, roll_deg] = found.subarray(-BESIDE_UNITS) as unknown as [
      number,
      number,
      number,
    ];
    return { values, pose: { yaw_deg, pitch_deg, roll_deg }, missing: null };
  }
}

type UnitFields = Pick<FaceRow, "units" | "action_units" | "pose" | "units_missing">;

/** The fields of a row behind the others, as in Python; none if units were not asked for. */
export function unitFields(contract: Contract, found: FaceUnits | undefined): UnitFields {
  if (found === undefined) return {};
  const units = found.values === null ? null : byName(contract, found.values);
  return {
    units,
    action_units: units === null ? null : actionUnits(contract, units),
    pose: found.pose,
    units_missing: found.missing,
  };
}
