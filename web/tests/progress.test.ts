import { expect, test, vi } from "vitest";

import { Progress } from "../src/engine/progress";

test("the share is of what travels, as far as that is known", () => {
  const told = vi.fn();
  const progress = new Progress([1400, 100, 100], told);
  const [runtime, face] = [progress.of(0), progress.of(1)];
  face.came(100);
  expect(told).toHaveBeenLastCalledWith(100 / 1600);
  runtime.size(200);
  runtime.came(100);
  expect(told).toHaveBeenLastCalledWith(0.5);
  runtime.came(100);
  progress.of(2).came(100);
  expect(told).toHaveBeenLastCalledWith(1);
});
