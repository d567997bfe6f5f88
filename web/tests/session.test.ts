import { expect, test, vi } from "vitest";

import { Session } from "../src/app/session";
import type { Contract } from "../src/engine/contract";
import type { FacePrediction } from "../src/engine/faces";
import type { FaceRow, Row } from "../src/engine/row";

const MAX_ROWS = 262_144;
const LABELS = ["happy", "neutral", "sad", "angry", "fear", "surprise"];
const FACE: FacePrediction = {
  face: 0,
  track: 0,
  box_xyxy: [0, 1, 9, 10],
  landmarks_xy: [],
  detection_score: 0.75,
  found: "detected",
  label: 0,
  confidence: 1,
  unsure: false,
  reason: null,
  probabilities: [1, 0, 0, 0, 0, 0],
  uncorrected: null,
  quality: { size_px: 9, sharpness: 0, brightness: 0, yaw_proxy: 0, roll_deg: 0, truncation: 0 },
};

const session = () => new Session({ labels: LABELS } as Contract, "camera");

function add(to: Session, frames: number): void {
  for (let frame = 0; frame < frames; frame++) {
    to.add({ width: 9, height: 9, timestamp_s: to.frames / 30, faces: [FACE] });
  }
}

const frames = (rows: Iterable<Row>) => [...rows].map((row) => row.frame);

test("the oldest rows go and are counted", () => {
  const long = session();
  add(long, MAX_ROWS);
  expect(long.dropped).toBe(0);
  add(long, 1);
  expect(long.dropped).toBeGreaterThan(0);
  let expected = long.dropped;
  let gaps = 0;
  for (const row of long.rows()) gaps += row.frame === expected++ ? 0 : 1;
  expect([gaps, expected]).toEqual([0, MAX_ROWS + 1]);
});

test("rows that come while others are written leave no gap", () => {
  const growing = session();
  add(growing, 3000);
  const rows = growing.rows();
  rows.next();
  add(growing, 5000);
  expect(frames(rows)).toEqual(Array.from({ length: 2999 }, (_, row) => row + 1));
});

test("a row holds everything that was found", () => {
  const short = session();
  short.add({ width: 9, height: 9, timestamp_s: 1.5, faces: [{ ...FACE, track: 3 }] });
  expect([...short.rows()]).toEqual([
    {
      source: "camera",
      frame: 0,
      timestamp_s: 1.5,
      face: 0,
      track: 3,
      box_xyxy: [0, 1, 9, 10],
      detection_score: 0.75,
      found: "detected",
      emotion: "happy",
      confidence: 1,
      unsure: false,
      probabilities: { happy: 1, neutral: 0, sad: 0, angry: 0, fear: 0, surprise: 0 },
      uncorrected: {
        happy: null,
        neutral: null,
        sad: null,
        angry: null,
        fear: null,
        surprise: null,
      },
      quality: FACE.quality,
    },
  ]);
});

test("time counts for what was shown, but not the time of a long pause", () => {
  const paused = session();
  for (const time of [0, 0.5, 10]) {
    paused.add({ width: 9, height: 9, timestamp_s: time, faces: [FACE] });
  }
  expect(paused.totals()).toEqual([1.5, 0, 0, 0, 0, 0]);
  expect(paused.length_s).toBe(10);
  expect(paused.people.get(0)!.bins.map(({ bin, count }) => [bin, count])).toEqual([
    [0, 1],
    [1, 1],
    [20, 1],
  ]);
});

test("rows have the probabilities before and after, where a baseline was taken off", () => {
  const shares = [0.5, 0.5, 0, 0, 0, 0];
  const some = session();
  const result = { width: 9, height: 9, timestamp_s: 0 };
  some.add({ ...result, faces: [FACE, { ...FACE, uncorrected: shares }] });
  const [without, taken] = [...some.rows()] as FaceRow[];
  expect(Object.values(without!.uncorrected)).toEqual(LABELS.map(() => null));
  expect(Object.values(taken!.uncorrected)).toEqual(shares);
  expect(taken!.quality).toEqual(FACE.quality);
});

test("a video is partial until its last frame came, a camera never is", () => {
  const video = new Session({ labels: LABELS } as Contract, "video", 0.5, true);
  add(video, 2);
  expect([video.isPartial, session().isPartial]).toEqual([true, false]);
  video.end();
  expect(video.isPartial).toBe(false);
});

/** Let a person of a camera be seen at these times. */
function seen(by: Session, times: Iterable<number>, track = 0): void {
  for (const timestamp_s of times) {
    by.add({ width: 9, height: 9, timestamp_s, faces: [{ ...FACE, track }] });
  }
}

/** A portrait of a person that comes with a frame in which nobody else is. */
function portrayed(by: Session, timestamp_s: number, person = 0): { close: () => void } {
  const image = { close: vi.fn() };
  const portraits = [{ person, image: image as unknown as ImageBitmap }];
  const faces = [{ ...FACE, track: person }];
  by.add({ width: 9, height: 9, timestamp_s, faces, portraits });
  return image;
}

const everySecond = (seconds: number) => Array.from({ length: seconds }, (_, second) => second);

test("the timeline of a camera that runs for long has few points, and nothing is lost", () => {
  const long = session();
  seen(long, everySecond(10_000));
  const { bins, lately } = long.people.get(0)!;
  expect(long.bin_s).toBe(16);
  expect(bins.map(({ bin }) => bin)).toEqual(everySecond(625));
  expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(10_000);
  expect(bins[3]).toEqual({ bin: 3, sums: [16, 0, 0, 0, 0, 0], count: 16 });
  expect([lately.length, lately[0]!.bin, lately.at(-1)!.bin]).toEqual([121, 19_758, 19_998]);
});

test("a portrait is closed when a better one comes, and with its session", () => {
  const some = session();
  const [first, better] = [portrayed(some, 0), portrayed(some, 1)];
  expect(first.close).toHaveBeenCalledOnce();
  expect(some.people.get(0)!.portrait).toBe(better);
  expect(better.close).not.toHaveBeenCalled();
  some.close();
  expect(better.close).toHaveBeenCalledOnce();
  expect(some.people.get(0)!.portrait).toBeNull();
});

test("of who is away from a camera for long the sums are kept, not the portrait", () => {
  const some = session();
  const gone = portrayed(some, 0, 1);
  seen(some, everySecond(60));
  expect([some.people.get(1)!.portrait, some.people.get(1)!.newest?.track]).toEqual([gone, 1]);
  seen(some, [60]);
  expect(gone.close).toHaveBeenCalledOnce();
  const { portrait, newest, lately, bins, answers } = some.people.get(1)!;
  expect([portrait, newest, lately, bins.length, answers]).toEqual([null, null, [], 1, 1]);
});

test("everybody in a video keeps a portrait", () => {
  const video = new Session({ labels: LABELS } as Contract, "video", 0.5, true);
  const image = portrayed(video, 0, 1);
  seen(video, everySecond(200));
  expect(video.people.get(1)!.portrait).toBe(image);
});
