import { expect, test } from "vitest";

import { checkContract } from "../src/engine/check";
import { decodeCells } from "../src/engine/decoder";
import { runner } from "../src/engine/detector";
import { PEOPLE, SCENES } from "./rules";

const SPEC = {
  name: "toy",
  input: { name: "input", height: null, width: null, multiple_of: 32, colour: "bgr" },
  figures: {},
};
const POINTS = [
  [0.33, 0.39],
  [0.69, 0.39],
  [0.51, 0.58],
  [0.35, 0.74],
  [0.65, 0.74],
];
const SIX = {
  weights: { a: 0.25, b: 0.75 },
  bias: [0, 0],
  temperature: 1,
  unsure_below: 0.5,
  baseline: {
    centres: [
      [1, -1],
      [-1, 1],
    ],
    neutral: [0, 0],
  },
};

function contract() {
  const file = { file: "a.onnx", sha256: "0".repeat(64), bytes: 9 };
  return {
    version: "1",
    labels: ["happy", "sad"],
    colours: { happy: "#fff", sad: "#000" },
    label_sets: { two: { labels: ["sad", "happy"], six: [1, 0] } },
    samples: [],
    emotion: {
      ...file,
      spec: {
        ...SPEC,
        input: {
          ...SPEC.input,
          colour: "grey",
          height: 48,
          width: 48,
          multiple_of: 1,
          mean: [0],
          std: [1],
        },
        outputs: [
          { name: "a", labels: "two" },
          { name: "b", labels: "two" },
        ],
        crop: { size: 48, landmarks_xy: POINTS },
        six: SIX,
        detection: null,
      },
    },
    face: {
      ...file,
      spec: {
        ...SPEC,
        input: { ...SPEC.input, mean: [0, 0, 0], std: [1, 1, 1] },
        outputs: [{ name: "cls_8", labels: null }],
        crop: null,
        six: null,
        detection: {
          layout: "yunet",
          strides: [8, 16],
          score_threshold: 0.6,
          nms_iou: 0.3,
          max_face_px: 256,
        },
      },
    },
    units: {
      ...file,
      spec: {
        ...SPEC,
        input: {
          ...SPEC.input,
          colour: "grey",
          height: 48,
          width: 48,
          multiple_of: 1,
          mean: [0],
          std: [1],
        },
        outputs: [
          { name: "units", labels: "own" },
          { name: "pose_deg", labels: "angles" },
        ],
        label_sets: { own: ["jawOpen"], angles: ["yaw_deg", "pitch_deg", "roll_deg"] },
        crop: { size: 48, landmarks_xy: POINTS },
        six: null,
        detection: null,
      },
    },
    unit_rules: {
      min_face_px: 24,
      max_pose_deg: 60,
      max_roll_deg: 50,
      sure_score: 0.9,
      view_face_px: 16,
      view: { size: 96, landmarks_xy: POINTS },
    },
    action_units: [{ label: "AU26", units: ["jawOpen"], match: "shared" }],
    smoothing: { time_constant_s: 1, margin: 1, forget_s: 1, min_probability: 1 },
    baseline: {
      prior: 4,
      observation_s: 2,
      max_step_s: 1,
      neutral_weight: 4,
      min_probability: 1e-4,
    },
    tracking: {
      max_gap_s: 1,
      max_distance: 1,
      max_scale_change: 1,
      max_compared_s: 1,
      velocity_weight: 1,
    },
    scenes: SCENES,
    people: PEOPLE,
    video: { detections_per_s: 8, detection_interval_s: 0.125, max_held_frames: 600 },
    events: { min_duration_s: 0.5, max_gap_s: 0.25 },
    track_timeout: { min_intervals: 1, newest_interval_weight: 1 },
    detection: {
      min_face_px: 24,
      network_face_px: 16,
      max_input_px: 1280,
      tile_overlap_px: 192,
      small_input_px: 320,
      largest_face_share: 8 / 15,
      live_face_px: 1,
      live_side_px: 1,
    },
    unsure: {
      min_size_px: 1,
      max_truncation: 1,
      max_yaw_proxy: 1,
      max_roll_deg: 1,
      max_pitch_deg: 1,
      min_brightness: 1,
    },
    limits: {
      side_px: [8, 4096],
      multiple_of: [1, 256],
      mean: [0, 255],
      std: [0.001, 10000],
      temperature: [0.01, 100],
      landmark: [-1, 2],
      landmark_gap: [0.05, 3],
      weight: [0, 1],
      bias: [-100, 100],
      centre: [-50, 50],
      stride: [1, 256],
      share: [0, 1],
      score_threshold: [0.1, 1],
      nms_iou: [0.1, 0.8],
      max_face_px: [64, 4096],
    },
  };
}

/** The contract with another value at a dotted place. */
function changed(path: string, value: unknown): unknown {
  const made = structuredClone(contract()) as unknown as Record<string, unknown>;
  const parts = path.split(".");
  const last = parts.pop()!;
  let place = made;
  for (const part of parts) place = place[part] as Record<string, unknown>;
  place[last] = value;
  return made;
}

test("a contract of the rules is taken as it is", () => {
  const whole = contract();
  expect(checkContract(whole)).toBe(whole);
});

test("a model need not say what a baseline is measured from", () => {
  const whole = changed("emotion.spec.six.baseline", null);
  expect(checkContract(whole)).toBe(whole);
});

const mirrored = POINTS.map(([x, y]) => [1 - x!, y]);

test.each([
  ["emotion.spec.six.weights", { a: 5, b: -4 }, "a number from 0 to 1, found 5"],
  ["emotion.spec.six.weights", { a: 0.5 }, "a sum of 1, found 0.5"],
  ["emotion.spec.six.weights", { c: 1 }, 'heads with labels, found "c"'],
  ["emotion.spec.six.temperature", 5e-324, "a number from 0.01 to 100, found 5e-324"],
  ["emotion.spec.six.temperature", "1", 'a finite number, found "1"'],
  ["emotion.spec.six.bias", [1e308, 0], "a number from -100 to 100, found 1e+308"],
  ["emotion.spec.six.bias", [0], "2 numbers, found [0]"],
  ["emotion.spec.six.unsure_below", 2, "a number from 0 to 1, found 2"],
  ["emotion.spec.six.baseline", undefined, "a table, found nothing"],
  ["emotion.spec.six.baseline.centres", [[0, 0]], "2 rows, found [[0,0]]"],
  ["emotion.spec.six.baseline.centres", [[0, 0], [0]], "2 numbers, found [0]"],
  ["emotion.spec.six.baseline.neutral", [99, 0], "a number from -50 to 50, found 99"],
  ["baseline.prior", undefined, "a finite number, found nothing"],
  ["emotion.spec.six", null, "a table, found null"],
  ["emotion.spec.input.std", [1e-46], "a number from 0.001 to 10000, found 1e-46"],
  ["emotion.spec.input.mean", [], "1 numbers, found []"],
  ["emotion.spec.input.name", "", 'a text, found ""'],
  ["emotion.spec.input.colour", "rgb", "3 numbers"],
  ["emotion.spec.input.height", 64, "48, as crop.size says, found 64"],
  ["emotion.spec.crop.landmarks_xy", mirrored, "the person's right side on the left"],
  ["emotion.spec.crop.landmarks_xy", POINTS.slice(1), "five points"],
  ["emotion.spec.crop.size", 48.5, "a whole number, found 48.5"],
  ["units", undefined, "a table, found nothing"],
  ["units.spec.crop", null, "a table, found null"],
  ["units.spec.label_sets.own", [1], "a text, found 1"],
  [
    "units.spec.outputs",
    [{ name: "units", labels: "two" }],
    'null or a name of label_sets, found "two"',
  ],
  ["units.spec.outputs", [{ name: "units", labels: "own" }], "pose_deg with labels"],
  ["unit_rules.view", undefined, "a table, found nothing"],
  ["unit_rules.view.size", 1e6, "a number from 8 to 4096, found 1000000"],
  ["unit_rules.max_pose_deg", "60", 'a finite number, found "60"'],
  ["action_units", [{ label: "AU1", units: 3 }], "a list, found 3"],
  ["emotion.sha256", "x", '64 hexadecimal digits, found "x"'],
  ["emotion.bytes", -1, "a number above 0, found -1"],
  ["face.spec.detection.strides", [8, 8, 8], "different strides, found [8,8,8]"],
  ["face.spec.detection.strides", [0], "a number from 1 to 256, found 0"],
  ["face.spec.detection.layout", "retina", 'yunet, found "retina"'],
  ["face.spec.input.multiple_of", 1e9, "a number from 1 to 256, found 1000000000"],
  ["face.spec.input.multiple_of", 8, "a multiple of the strides 8, 16, found 8"],
  ["face.spec.input.height", 320, "null, found 320"],
  ["face.spec.detection.strides", [16, 32], "all strides that outputs have, found [16,32]"],
  ["face.spec.detection.nms_iou", 1, "a number from 0.1 to 0.8, found 1"],
  ["face.spec.detection.score_threshold", 0, "a number from 0.1 to 1, found 0"],
  ["label_sets.two.six", [0, 7], "null or 0 to 1, found 7"],
  ["scenes.columns", undefined, "a finite number, found nothing"],
  ["people.min_share", undefined, "a finite number, found nothing"],
  ["people.enough", [], "a line, found []"],
  ["people.enough", [{ score: 1 }], "a finite number, found nothing"],
  ["tracking.max_gap_s", undefined, "a finite number, found nothing"],
  ["emotion.spec.outputs", [{ name: "a", labels: "x" }], 'null or a name of label_sets, found "x"'],
  ["samples", [{}], "a text, found nothing"],
  ["limits", {}, "a list, found nothing"],
])("a contract with a wrong %s is refused by its name: %j", (path, value, expected) => {
  const field = path === "emotion.spec.input.colour" ? "emotion.spec.input.mean" : path;
  expect(() => checkContract(changed(path, value))).toThrow(`field '${field}`);
  expect(() => checkContract(changed(path, value))).toThrow(`expected ${expected}`);
});

test.each([null, [], "x", 3])("a contract that is no table is refused: %j", (document) => {
  expect(() => checkContract(document)).toThrow("field 'the document': expected a table");
});

const MODEL = {
  file: "a.onnx",
  spec: { input: { name: "faces" }, outputs: [{ name: "logits" }] },
} as unknown as Parameters<typeof runner>[0];
const tensor = (data: Float32Array) => ({ data }) as never;

function session(values: number[], names = { in: "faces", out: "logits" }) {
  return {
    inputNames: [names.in],
    outputNames: [names.out],
    run: async () => ({ [names.out]: { data: Float32Array.from(values) } }),
  } as never;
}

test.each([Number.NaN, Number.POSITIVE_INFINITY])("an output with %d is refused", async (value) => {
  const run = runner(MODEL, session([0, value]), tensor);
  await expect(run(new Float32Array(1), [1])).rejects.toThrow(
    "a.onnx: output 'logits': expected finite float32 numbers",
  );
});

test("finite outputs come by their names", async () => {
  const run = runner(MODEL, session([0, 3e38]), tensor);
  expect(await run(new Float32Array(1), [1])).toEqual({ logits: Float32Array.from([0, 3e38]) });
});

test("a graph with other names is refused", () => {
  const other = session([], { in: "x", out: "logits" });
  expect(() => runner(MODEL, other, tensor)).toThrow("found 'faces'; the graph has x");
  const less = session([], { in: "faces", out: "y" });
  expect(() => runner(MODEL, less, tensor)).toThrow("the graph has no output 'logits'");
});

const CELLS = { strides: [8], threshold: 0.6, iou: 0.3 };

function cells(box: number[], points: number) {
  return {
    cls_8: new Float32Array(8).fill(1),
    obj_8: new Float32Array(8).fill(1),
    bbox_8: Float32Array.from({ length: 32 }, (_, place) => box[place % 4]!),
    kps_8: new Float32Array(80).fill(points),
  };
}

test("faces far outside of the image are none", () => {
  const inside = Math.log(2);
  expect(decodeCells(cells([0, 0, inside, inside], 0), 32, 16, CELLS).length).toBeGreaterThan(0);
  expect(decodeCells(cells([3e38, 0, 0, 0], 0), 32, 16, CELLS)).toEqual([]);
  expect(decodeCells(cells([0, 0, 1e3, 1e3], 0), 32, 16, CELLS)).toEqual([]);
  expect(decodeCells(cells([0, 0, 0, 0], -1e5), 32, 16, CELLS)).toEqual([]);
});

test("of a network that sees faces everywhere the best cells are kept", () => {
  const count = 128 * 128;
  const outputs = {
    cls_8: Float32Array.from({ length: count }, (_, place) => 0.7 + (0.3 * place) / count),
    obj_8: new Float32Array(count).fill(1),
    bbox_8: new Float32Array(4 * count).fill(-1),
    kps_8: new Float32Array(10 * count),
  };
  const faces = decodeCells(outputs, 1024, 1024, CELLS);
  expect(faces.length).toBe(4096);
  expect(faces.at(-1)!.score).toBeGreaterThan(0.9);
});

test("an output of another size is told", () => {
  const outputs = { ...cells([0, 0, 0, 0], 0), bbox_8: new Float32Array(40) };
  expect(() => decodeCells(outputs, 32, 16, CELLS)).toThrow(
    "output bbox_8: expected 32 numbers, found 40",
  );
});
