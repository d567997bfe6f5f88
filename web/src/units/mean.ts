import type { FaceUnits } from "../engine/faces";

/** The mean units and pose of each person, of the rows in which they were read. */
export function meanUnits(
  rows: Iterable<{ person: number; units: FaceUnits }>,
): Map<number, FaceUnits> {
  const sums = new Map<number, { count: number; numbers: number[] }>();
  for (const { person, units } of rows) {
    const { values, pose } = units;
    if (values === null || pose === null) continue;
    const numbers = [...values, pose.yaw_deg, pose.pitch_deg, pose.roll_deg];
    const sum = sums.get(person);
    if (sum === undefined) sums.set(person, { count: 1, numbers });
    else {
      sum.count++;
      for (const [place, value] of numbers.entries()) sum.numbers[place]! += value;
    }
  }
  const means = new Map<number, FaceUnits>();
  for (const [person, { count, numbers }] of sums) {
    const mean = numbers.map((value) => value / count);
    const [yaw_deg, pitch_deg, roll_deg] = mean.slice(-3) as [number, number, number];
    means.set(person, {
      values: mean.slice(0, -3),
      pose: { yaw_deg, pitch_deg, roll_deg },
      missing: null,
    });
  }
  return means;
}
