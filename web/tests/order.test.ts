import { expect, test } from "vitest";

import { largeLast } from "../src/app/order";

test("large ones come after the others, each group in its order", async () => {
  const looked: number[] = [];
  const postponed: number[] = [];
  await largeLast(
    [90, 1, 2, 80, 3],
    async (size) => size > 10,
    async (size) => void looked.push(size),
    (size) => postponed.push(size),
  );
  expect(looked).toEqual([1, 2, 3, 90, 80]);
  expect(postponed).toEqual([90, 80]);
});
