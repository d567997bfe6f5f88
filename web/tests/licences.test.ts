import { expect, test } from "vitest";

import { licences } from "../licences";
import packages from "../package.json" with { type: "json" };

test("every package of the page is named with its version, its licence and the licence's text", () => {
  const parts = licences().split(`\n${"-".repeat(80)}\n\n`);
  for (const name of [...Object.keys(packages.dependencies), "@preact/signals-core", "long"]) {
    const part = parts.find((each) => each.startsWith(`${name} `)) ?? "";
    expect(part.split("\n")[0]).toMatch(/ \d+\.\d+\.\d+\S* \(\S+\)$/);
    expect(part).toMatch(/copyright|Mozilla Public License/i);
    expect(part.length).toBeGreaterThan(900);
  }
});
