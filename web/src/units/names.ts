/** The names of expression units, and what follows from them; the same rules as `mien.units`. */

import type { Contract } from "../engine/contract";

/** Names of the network's outputs. */
export const UNITS_OUTPUT = "units";
export const POSE_OUTPUT = "pose_deg";

/** To the left and to the right are no two sides of these. */
const DIRECTIONS = ["jaw", "mouth"];
/** Two sides that differ by no more are read as one. */
const SAME_WITHIN = 0.1;
/** What is less active is at rest. */
const LEAST = 0.1;
/** Some directions of the eyes are active in every face. */
const GAZE = "eyeLook";

/** What the numbers of an output of the network of units stand for. */
export function labelsOf(contract: Contract, output: string): string[] {
  const { outputs, label_sets } = contract.units.spec;
  return label_sets[outputs.find(({ name }) => name === output)!.labels!]!;
}

/** The names of expression units, in the order of the network. */
export function unitNames(contract: Contract): string[] {
  return labelsOf(contract, UNITS_OUTPUT);
}

/** Values by the names of their units. */
export function byName(contract: Contract, values: number[]): Record<string, number> {
  const pairs = unitNames(contract).map((name, place) => [name, values[place]!]);
  return Object.fromEntries(pairs);
}

/** The part of a unit's name without its side, and the side. */
export function sided(name: string): { part: string; side: "left" | "right" | null } {
  const [, part, side] = /^(.*?)(Left|Right)?$/.exec(name)!;
  const isSide = side !== undefined && !DIRECTIONS.includes(part!);
  return isSide
    ? { part: part!, side: side === "Left" ? "left" : "right" }
    : { part: name, side: null };
}

/** FACS' action units that follow from expression units, by their short names. */
export function actionUnits(
  contract: Contract,
  units: Record<string, number>,
): Record<string, number> {
  const mean = (names: string[]) =>
    names.reduce((sum, name) => sum + units[name]!, 0) / names.length;
  const pairs = contract.action_units.map(({ label, units: names, match }) => [
    label,
    match === "derived" ? lipsPart(units) : mean(names),
  ]);
  return Object.fromEntries(pairs);
}

function lipsPart(units: Record<string, number>): number {
  const [lower, upper] = ["mouthLowerDown", "mouthUpperUp"].map(
    (part) => (units[`${part}Left`]! + units[`${part}Right`]!) / 2,
  ) as [number, number];
  return Math.max(lower, upper, units.jawOpen! - units.mouthClose!);
}

/** Units for people to read: two sides that are about the same are one. */
export function mergedSides(units: Record<string, number>): Record<string, number> {
  const merged: Record<string, number> = {};
  for (const [name, value] of Object.entries(units)) {
    const { part, side } = sided(name);
    const [left, right] = [units[`${part}Left`], units[`${part}Right`]];
    if (side !== null && Math.abs(left! - right!) <= SAME_WITHIN)
      merged[part] = (left! + right!) / 2;
    else merged[name] = value;
  }
  return merged;
}

/** The units that are most active, largest first, without the directions of the eyes. */
export function strongest(units: Record<string, number>, most: number): [string, number][] {
  return Object.entries(units)
    .filter(([name, value]) => value >= LEAST && !name.startsWith(GAZE))
    .sort(([, a], [, b]) => b - a)
    .slice(0, most);
}
