import { expect, test } from "vitest";

import type { Contract } from "../src/engine/contract";
import { FaceDetector } from "../src/engine/detector";

const spec = {
  input: { colour: "bgr", multiple_of: 32, mean: [100, 100, 100], std: [50, 50, 25] },
  detection: { strides: [], score_threshold: 0.5, nms_iou: 0.3 },
};

test("the network gets normalised planes, blue first, and black around the image", async () => {
  let values = new Float32Array();
  const detector = new FaceDetector({ face: { spec } } as unknown as Contract, async (given) => {
    values = given.slice();
    return {};
  });
  const data = new Uint8ClampedArray([200, 150, 100, 255]);
  for (let turn = 0; turn < 2; turn++) {
    expect(await detector.look({ data, width: 1, height: 1 })).toEqual([]);
    expect([0, 1024, 2048].map((place) => values[place])).toEqual([0, 1, 4]);
    expect([1, 1025, 3071].map((place) => values[place])).toEqual([-2, -2, -4]);
  }
});
