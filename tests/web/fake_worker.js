/**
 * Answers in place of the page's worker, for tests of what the page does with answers: one face,
 * or what the colour in the middle says (green the first person, blue the second, white nobody; red
 * the first one with the second one's expression, yellow one whose label is only held). An image of
 * 120 x 80 pixels shows 96 faces, every other one like the second person's.
 */
const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d", { willReadFrequently: true });
let contract;

function middle(bitmap) {
  context.drawImage(bitmap, bitmap.width / 2, bitmap.height / 2, 1, 1, 0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  if (red > 200 && green > 200 && blue > 200) return null;
  return blue > 200 && green < 60 ? 1 : 0;
}

function isRed() {
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return red > 200 && green < 60 && blue < 60;
}

/** The first label is held while the second one is a little more probable. */
function held(face) {
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  if (!(red > 200 && green > 200 && blue < 60)) return face;
  const probabilities = face.probabilities.map((_, place) => [0.4, 0.44][place] ?? 0.04);
  return { ...face, label: 0, confidence: 0.4, probabilities };
}

/** Half a smile to the person's left side, of who looks a little to the left; if asked for. */
function unitsIf(asked) {
  if (!asked) return {};
  const { outputs, label_sets } = contract.units.spec;
  const names = label_sets[outputs.find(({ name }) => name === "units").labels];
  const values = names.map((name) => (name === "mouthSmileLeft" ? 0.5 : 0));
  const pose = { yaw_deg: 12, pitch_deg: -3, roll_deg: 0 };
  return { units: { values, pose, missing: null } };
}

function crowd({ width, height }) {
  const faces = Array.from({ length: 96 }, (_, number) => {
    const [left, top] = [10 * (number % 12), 10 * Math.floor(number / 12)];
    const one = face({ width: 10, height: 10 }, number % 2);
    return { ...one, face: number, track: null, box_xyxy: [left, top, left + 8, top + 8] };
  });
  return { width, height, timestamp_s: null, faces };
}

function face(bitmap, track, units = false) {
  const label = isRed() ? 1 : (track ?? 0);
  const [left, top, side] = [bitmap.width / 4, bitmap.height / 4, bitmap.height / 3];
  const at = (x, y) => [left + x * side, top + y * side];
  return {
    face: 0,
    track,
    box_xyxy: [...at(0, 0), ...at(1, 1)],
    landmarks_xy: [at(0.3, 0.4), at(0.7, 0.4), at(0.5, 0.6), at(0.35, 0.8), at(0.65, 0.8)],
    detection_score: 0.9,
    found: "detected",
    label,
    confidence: 0.75,
    unsure: false,
    reason: null,
    probabilities: contract.labels.map((_, place) => (place === label ? 0.75 : 0.05)),
    uncorrected: null,
    embedding: Float32Array.from({ length: 16 }, (_, place) => (place === label ? 1 : 0.1)),
    ...unitsIf(units),
    quality: { size_px: side, sharpness: 1, brightness: 0.5, yaw_proxy: 0, roll_deg: 0, truncation: 0 },
  };
}

function result(bitmap, timestamp_s, units = false) {
  const person = middle(bitmap);
  const { width, height } = bitmap;
  if (timestamp_s === null && width === 120 && height === 80) return crowd(bitmap);
  const track = timestamp_s === null ? null : person;
  const faces = person === null ? [] : [held(face(bitmap, track, units))];
  return { width, height, timestamp_s, faces };
}

/** A face at once, with a crop of it. */
function glance({ bitmap, cropPx }) {
  const found = result(bitmap, 0);
  const portraits = found.faces.map(({ face: person }) => {
    const crop = new OffscreenCanvas(cropPx, cropPx);
    crop.getContext("2d").drawImage(bitmap, 0, 0, cropPx, cropPx);
    return { person, image: crop.transferToImageBitmap() };
  });
  return { ...found, portraits };
}

const PARTS = ["mouth", "eyes", "brows", "nose", "cheeks", "chin", "forehead"];

function explanation(bitmap) {
  const { size } = contract.emotion.spec.crop;
  const even = (labels) => ({ labels, probabilities: labels.map(() => 1 / labels.length) });
  const heads = { logits: "ferplus-8", fer2013_logits: "fer2013-7" };
  const six = even(contract.labels).probabilities;
  middle(bitmap);
  return {
    face: face(bitmap, null),
    map: { a: [size / bitmap.width, 0], b: [0, 0] },
    size,
    crop: new Float32Array(size * size).fill(128),
    parts: PARTS.map((name, place) => ({ name, bits: 2 - place / 2, probabilities: six })),
    combination: {
      heads: Object.fromEntries(
        Object.entries(heads).map(([name, set]) => [name, even(contract.label_sets[set].labels)]),
      ),
      plain: six,
      calibrated: six,
    },
    detect_ms: 5,
  };
}

const answers = {
  load(ask) {
    contract = ask.contract;
    return 1;
  },
  complete: () => null,
  faces: ({ bitmap }) => {
    const { width, height, faces } = result(bitmap, null);
    return { width, height, boxes: faces.map(({ box_xyxy }) => box_xyxy) };
  },
  reset: () => null,
  loadUnits: ({ base }) => `${base}models/contract.json`,
  image: ({ bitmap, units }) => result(bitmap, null, units),
  frame: ({ bitmap, timestamp_s, options }) => result(bitmap, timestamp_s, options.units),
  glance,
  explain: ({ bitmap }) => explanation(bitmap),
  beginVideo: () => null,
  videoFrame: ({ bitmap, timestamp_s, number }) => {
    const { displayWidth: width = bitmap.width, displayHeight: height = bitmap.height } = bitmap;
    const still = new OffscreenCanvas(width, height);
    still.getContext("2d").drawImage(bitmap, 0, 0);
    return [{ ...result(still, timestamp_s), frame: number }];
  },
  endVideo: () => [],
};

self.onmessage = ({ data: { id, name, ask } }) => {
  self.postMessage({ id, answer: answers[name](ask) });
  ask?.bitmap?.close();
};
