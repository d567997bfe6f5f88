import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { saveCsv, saveJson, written } from "../src/app/save";
import type { ErrorRow, FaceRow } from "../src/engine/row";

const ERROR: ErrorRow = {
  source: "broken.jpg",
  frame: 0,
  timestamp_s: null,
  error: 'no "image", sorry',
};
const FACE: FaceRow = {
  source: "a.mp4",
  frame: 3,
  timestamp_s: 0.5,
  face: 0,
  track: 1,
  box_xyxy: [1, 2, 3, 4],
  detection_score: 0.9,
  found: "followed",
  emotion: "happy",
  confidence: 0.5,
  unsure: true,
  probabilities: { happy: 0.5, neutral: 0.1, sad: 0.1, angry: 0.1, fear: 0.1, surprise: 0.1 },
  uncorrected: { happy: null, neutral: null, sad: null, angry: null, fear: null, surprise: null },
  quality: { size_px: 2, sharpness: 1, brightness: 0.5, yaw_proxy: 0, roll_deg: 0, truncation: 0 },
};

let saved: Promise<string>[] = [];

beforeEach(() => {
  saved = [];
  vi.stubGlobal("document", { createElement: () => ({ click: () => {} }) });
  vi.useFakeTimers({ toFake: ["performance"] });
  vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => {
    saved.push((blob as Blob).text());
    return "blob:";
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Write rows, each of which takes so long. */
async function parts(rows: number, each_ms: number): Promise<string[]> {
  return written(Array.from({ length: rows }), () => {
    vi.advanceTimersByTime(each_ms);
    return "row\n";
  });
}

test("a long session is saved in turns with everything else", async () => {
  expect(await parts(3, 1)).toEqual(["row\nrow\nrow\n"]);
  const long = await parts(200, 1);
  expect(long.length).toBeGreaterThan(5);
  expect(long.join("")).toBe("row\n".repeat(200));
  expect(await parts(0, 1)).toEqual([]);
});

test("rows are one JSON array", async () => {
  await saveJson([FACE, ERROR], "rows");
  await saveJson([], "none");
  const [rows, none] = await Promise.all(saved);
  expect(JSON.parse(rows!)).toEqual([FACE, ERROR]);
  expect(JSON.parse(none!)).toEqual([]);
});

test("a table has Python's columns and words, and the error comes last", async () => {
  await saveCsv([ERROR, FACE], "rows", false);
  const [table] = await Promise.all(saved);
  expect(table!.split("\r\n")).toEqual([
    [
      "source,frame,timestamp_s,face,track,box_left,box_top,box_right,box_bottom,detection_score",
      "found,emotion,confidence,unsure,p_happy,p_neutral,p_sad,p_angry,p_fear,p_surprise",
      "p_happy_uncorrected,p_neutral_uncorrected,p_sad_uncorrected,p_angry_uncorrected",
      "p_fear_uncorrected,p_surprise_uncorrected",
      "size_px,sharpness,brightness,yaw_proxy,roll_deg,truncation,error",
    ].join(","),
    `broken.jpg,0${",".repeat(30)},"no ""image"", sorry"`,
    "a.mp4,3,0.5,0,1,1,2,3,4,0.9,followed,happy,0.5,True,0.5,0.1,0.1,0.1,0.1,0.1,,,,,,,2,1,0.5,0,0,0,",
    "",
  ]);
});

test("a table with expression units has their columns behind the others", async () => {
  const units = { browDownLeft: 0.25, jawOpen: 0.5 };
  const pose = { yaw_deg: 1, pitch_deg: 2, roll_deg: 3 };
  const read = { ...FACE, units, action_units: { AU26: 0.5 }, pose, units_missing: null };
  const none = { units: null, action_units: null, pose: null, units_missing: "small" };
  await saveCsv([read, { ...FACE, ...none }], "rows", true);
  const [heads, ...rows] = (await Promise.all(saved))[0]!.split("\r\n");
  const names = heads!.split(",");
  const [first, second] = rows.map((row) =>
    Object.fromEntries(row.split(",").map((value, place) => [names[place], value])),
  );
  expect(names.slice(-1)).toEqual(["units_missing"]);
  expect([first!.unit_browDownLeft, first!.au_26, first!.pose_roll_deg]).toEqual([
    "0.25",
    "0.5",
    "3",
  ]);
  expect([second!.unit_jawOpen, second!.units_missing]).toEqual(["", "small"]);
});
