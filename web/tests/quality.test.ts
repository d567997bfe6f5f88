import { expect, test } from "vitest";

import type { Box, DetectedFace, Landmarks, Quality } from "../src/engine/faces";
import { faceQuality, unsureReason } from "../src/engine/quality";

const SIZE = 8;
const GREY = new Float32Array(SIZE * SIZE).fill(51);
const LIMITS = {
  min_size_px: 24,
  max_truncation: 0.2,
  max_yaw_proxy: 0.5,
  max_roll_deg: 30,
  max_pitch_deg: 30,
  min_brightness: 0.1,
};
const GOOD: Quality = {
  size_px: 50,
  sharpness: 1,
  brightness: 0.5,
  yaw_proxy: 0,
  roll_deg: 0,
  truncation: 0,
};

function face(box: Box, eyes: Landmarks, nose: [number, number]): DetectedFace {
  return { box, landmarks: [...eyes, nose, [0, 0], [0, 0]], score: 1 };
}

test("a level face that looks straight ahead", () => {
  const straight = face(
    [10, 10, 50, 60],
    [
      [20, 30],
      [40, 30],
    ],
    [30, 40],
  );
  expect(faceQuality(straight, GREY, SIZE, 100, 100)).toEqual({
    size_px: 40,
    sharpness: 0,
    brightness: expect.closeTo(0.2, 6),
    yaw_proxy: 0,
    roll_deg: 0,
    truncation: 0,
  });
});

test("a face that is tilted, turned and half out of view", () => {
  const eyes: Landmarks = [
    [0, 0],
    [10, 10],
  ];
  const { yaw_proxy, roll_deg, truncation } = faceQuality(
    face([-20, 0, 20, 40], eyes, [8, 8]),
    GREY,
    SIZE,
    100,
    100,
  );
  expect(roll_deg).toBeCloseTo(45, 9);
  expect(yaw_proxy).toBeCloseTo(0.6, 9);
  expect(truncation).toBeCloseTo(0.5, 9);
});

test("edges are sharp", () => {
  const stripes = GREY.map((_, place) => (place % 2) * 100);
  const straight = face(
    [0, 0, 8, 8],
    [
      [2, 3],
      [6, 3],
    ],
    [4, 5],
  );
  expect(faceQuality(straight, stripes, SIZE, 8, 8).sharpness).toBeCloseTo(200 / 50, 6);
});

test.each([
  [{ size_px: 23, truncation: 1 }, "small"],
  [{ truncation: 0.3, yaw_proxy: -1 }, "cut off"],
  [{ yaw_proxy: -0.6, roll_deg: 40 }, "turned away"],
  [{ roll_deg: -31, brightness: 0 }, "tilted"],
  [{ brightness: 0.05 }, "dark"],
  [{}, "ambiguous"],
] as const)("%o is unsure since it is %s", (quality, reason) => {
  expect(unsureReason({ ...GOOD, ...quality }, LIMITS)).toBe(reason);
});

test("a pose that a network read counts more than the landmarks", () => {
  const pose = { yaw_deg: 30, pitch_deg: 0, roll_deg: 12 };
  const measured = faceQuality(
    face(
      [0, 0, 8, 8],
      [
        [2, 3],
        [6, 3],
      ],
      [4, 5],
    ),
    GREY,
    SIZE,
    8,
    8,
    pose,
  );
  expect(measured.yaw_proxy).toBeCloseTo(0.5, 9);
  expect(measured.roll_deg).toBe(12);
});

test("only units say that a face looks up or down", () => {
  const pose = { yaw_deg: 0, pitch_deg: -40, roll_deg: 0 };
  expect(unsureReason(GOOD, LIMITS, { values: [], pose, missing: null })).toBe("turned away");
  const missing = "turned away";
  expect(unsureReason(GOOD, LIMITS, { values: null, pose: null, missing })).toBe("turned away");
});
