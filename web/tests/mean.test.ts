import { expect, test } from "vitest";

import { meanUnits } from "../src/units/mean";

const read = (person: number, value: number, yaw_deg: number) => ({
  person,
  units: { values: [value, 0], pose: { yaw_deg, pitch_deg: 2, roll_deg: -4 }, missing: null },
});

test("means are of the rows that have units, person by person", () => {
  const away = { values: null, pose: null, missing: "turned away" as const };
  const rows = [read(0, 0.25, 10), { person: 0, units: away }, read(1, 1, 0), read(0, 0.75, -20)];
  const found = meanUnits([...rows, { person: 2, units: away }]);
  expect([...found.keys()]).toEqual([0, 1]);
  expect(found.get(0)).toEqual({
    values: [0.5, 0],
    pose: { yaw_deg: -5, pitch_deg: 2, roll_deg: -4 },
    missing: null,
  });
});
