import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { saveCsv, saveJson, written } from "../src/app/save";

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
  await saveJson([{ a: 1 }, { a: "x" }], "rows");
  await saveJson([], "none");
  const [rows, none] = await Promise.all(saved);
  expect(JSON.parse(rows!)).toEqual([{ a: 1 }, { a: "x" }]);
  expect(JSON.parse(none!)).toEqual([]);
});

test("a table has Python's columns and words, and the error comes last", async () => {
  const rows = [
    { source: "broken.jpg", timestamp_s: null, error: 'no "image", sorry' },
    { source: "a.jpg", timestamp_s: 0.5, box_xyxy: [1, 2, 3, 4], unsure: true },
    { source: "b.jpg", probabilities: { happy: 1 } },
  ];
  await saveCsv(rows, "rows");
  const [table] = await Promise.all(saved);
  expect(table!.split("\r\n")).toEqual([
    "source,timestamp_s,box_xyxy.left,box_xyxy.top,box_xyxy.right,box_xyxy.bottom,unsure,probabilities.happy,error",
    'broken.jpg,,,,,,,,"no ""image"", sorry"',
    "a.jpg,0.5,1,2,3,4,True,,",
    "b.jpg,,,,,,,1,",
    "",
  ]);
});
