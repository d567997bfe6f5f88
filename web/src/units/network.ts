/** Expression units: what the parts of a face do; the same steps as `mien.inference.units`. */

import type { Contract } from "../engine/contract";
import { batchOf, cropFace, type Region, similarity } from "../engine/crop";
import type { Outputs } from "../engine/decoder";
import type { DetectedFace, FaceUnits, HeadPose, UnitsMissing } from "../engine/faces";
import type { Smoother } from "../engine/smoother";
import { labelsOf, POSE_OUTPUT, UNITS_OUTPUT } from "./names";

/** What the network read, also where it is not to be shown. */
export interface UnitReading {
  values: number[];
  pose: HeadPose;
  missing: UnitsMissing | null;
}

type Run = (values: Float32Array, dimensions: number[]) => Promise<Outputs>;

/** Reads the units and the pose of faces. */
export class UnitNetwork {
  /** Whether it sees the crops of the emotion network. */
  private readonly sharesCrops: boolean;

  constructor(
    private readonly contract: Contract,
    private readonly run: Run,
  ) {
    const [own, other] = [contract.units, contract.emotion].map(({ spec }) => spec.crop);
    this.sharesCrops = JSON.stringify(own) === JSON.stringify(other);
  }

  /** Run the network once, on grey, so that what is wrong with it shows before any answer. */
  async tryOnce(): Promise<void> {
    const { file, spec } = this.contract.units;
    const size = spec.crop!.size;
    const outputs = await this.run(new Float32Array(2 * size * size), [2, 1, size, size]);
    for (const name of [UNITS_OUTPUT, POSE_OUTPUT]) {
      const expected = 2 * labelsOf(this.contract, name).length;
      const found = outputs[name]!.length;
      if (found === expected) continue;
      throw new Error(
        `${file}: output '${name}': expected ${expected / 2} numbers for each of 2 faces, found ` +
          `${found}`,
      );
    }
  }

  /** Read the faces of a frame; `crops` are those of the emotion network. */
  async read(frame: Region, faces: DetectedFace[], crops: Float32Array[]): Promise<UnitReading[]> {
    if (faces.length === 0) return [];
    const { crop, input } = this.contract.units.spec;
    const { landmarks_xy, size } = crop!;
    const maps = faces.map((face) => similarity(face.landmarks, landmarks_xy, size));
    const seen = this.sharesCrops ? crops : maps.map((map) => cropFace(frame, map, size));
    const outputs = await this.run(batchOf(seen, input), [faces.length, 1, size, size]);
    return faces.map((face, number) => {
      const [values, angles] = [UNITS_OUTPUT, POSE_OUTPUT].map((name) => {
        const length = outputs[name]!.length / faces.length;
        return [...outputs[name]!.subarray(number * length, (number + 1) * length)];
      }) as [number[], number[]];
      // The crop's axes are turned with the face: what the crop turns back is part of the roll.
      const [ar, ai] = maps[number]!.a;
      return this.reading(face, values, angles, (-Math.atan2(ai, ar) * 180) / Math.PI);
    });
  }

  private reading(
    face: DetectedFace,
    values: number[],
    angles: number[],
    turned_deg: number,
  ): UnitReading {
    const { min_face_px, max_pose_deg, max_roll_deg } = this.contract.unit_rules;
    const [yaw_deg, pitch_deg, roll_deg] = angles as [number, number, number];
    const pose = { yaw_deg, pitch_deg, roll_deg: wrapped(roll_deg + turned_deg) };
    const [left, top, right, bottom] = face.box;
    const side_px = Math.min(right - left, bottom - top);
    let missing: UnitsMissing | null = null;
    if (side_px < min_face_px) missing = "small";
    else if (Math.max(Math.abs(yaw_deg), Math.abs(pitch_deg)) > max_pose_deg) {
      missing = "turned away";
    } else if (Math.abs(pose.roll_deg) > max_roll_deg) missing = "rotated";
    return { values, pose, missing };
  }
}

/** The pose by which the quality of a face is measured; null where the landmarks know better. */
export function posed(reading: UnitReading | null): HeadPose | null {
  const unseen = reading?.missing === "small" || reading?.missing === "rotated";
  return reading === null || unseen ? null : reading.pose;
}

/** What a face's record says of its units. */
export function shownUnits({ values, pose, missing }: UnitReading): FaceUnits {
  return missing === null ? { values, pose, missing } : { values: null, pose: null, missing };
}

/** Smooth the units and the pose of a person; missing ones change nothing. */
export function smoothedUnits(
  smoother: Smoother,
  track: number,
  found: UnitReading,
  timestamp_s: number,
  interval_s: number,
): UnitReading {
  if (found.missing !== null) return found;
  const { yaw_deg, pitch_deg, roll_deg } = found.pose;
  // A direction is smoothed as a point on the circle: 179 and -179 degrees are near.
  const roll = (roll_deg * Math.PI) / 180;
  const turn = [yaw_deg, pitch_deg, Math.cos(roll), Math.sin(roll)];
  const given = [...found.values, ...turn];
  const values = smoother.updateValues(track, given, timestamp_s, interval_s);
  const [yaw, pitch, across, down] = values.slice(-turn.length) as [number, number, number, number];
  return {
    values: values.slice(0, -turn.length),
    pose: {
      yaw_deg: yaw,
      pitch_deg: pitch,
      roll_deg: (Math.atan2(down, across) * 180) / Math.PI,
    },
    missing: null,
  };
}

/** The same direction as an angle of -180 to 180 degrees. */
function wrapped(angle_deg: number): number {
  return ((((angle_deg + 180) % 360) + 360) % 360) - 180;
}
