import { expect, test, vi } from "vitest";

import { HeldFrames } from "../src/engine/held";
import type { People } from "../src/engine/people";

test("portraits that wait are closed when their video is given up", () => {
  const held = new HeldFrames({} as People, 9);
  const close = vi.fn();
  for (const person of [0, 1, 1]) held.keep({ person, image: { close } as unknown as ImageBitmap });
  expect(close).toHaveBeenCalledTimes(1);
  held.close();
  expect(close).toHaveBeenCalledTimes(3);
});
