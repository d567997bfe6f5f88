/** Expression units and the pose of a head in words. */

import type { Contract } from "../engine/contract";
import type { FaceUnits, HeadPose, UnitsMissing } from "../engine/faces";
import { fill, language, words } from "../words";
import { byName, mergedSides, sided, strongest } from "./names";

export const MOST_LISTED = 10;

/** A unit, or two sides of one, in plain words. */
export function unitWord(name: string): string {
  const said = words().units;
  const names: Record<string, string> = said.names;
  const { part, side } = sided(name);
  const word = names[part] ?? part;
  return side === null ? word : fill(said[side], { name: word });
}

/** The value of a unit as it is shown. */
export function figureText(value: number): string {
  return value.toLocaleString(language.value, {
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  });
}

/** The angles in words: how far, and to which side of the person. */
export function poseTexts({ yaw_deg, pitch_deg, roll_deg }: HeadPose): [string, string][] {
  const said = words().units.pose;
  const text = (angle_deg: number, above: string, below: string) => {
    const angle = Math.abs(Math.round(angle_deg));
    if (angle === 0) return "0°";
    return fill(angle_deg > 0 ? above : below, { angle });
  };
  return [
    [said.yaw, text(yaw_deg, said.left, said.right)],
    [said.pitch, text(pitch_deg, said.up, said.down)],
    [said.roll, text(roll_deg, said.left, said.right)],
  ];
}

/** Why a face has no units. */
export function missingText(missing: UnitsMissing, contract: Contract): string {
  const { min_face_px, max_pose_deg } = contract.unit_rules;
  return fill(words().units.missing[missing], { px: min_face_px, angle: max_pose_deg });
}

/** The most active units and the pose in one line each, or why there are none. */
export function unitLines({ values, pose, missing }: FaceUnits, contract: Contract): string[] {
  if (values === null || pose === null) return [missingText(missing!, contract)];
  const said = words().units;
  const active = strongest(mergedSides(byName(contract, values)), MOST_LISTED).map(
    ([name, value]) => `${unitWord(name)} ${figureText(value)}`,
  );
  return [
    active.length === 0 ? said.rest : active.join("; "),
    poseTexts(pose)
      .map(([name, text]) => `${name} ${text}`)
      .join("; "),
  ];
}
