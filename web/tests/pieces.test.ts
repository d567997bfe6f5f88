import { expect, test } from "vitest";

import { FilePieces } from "../src/video/pieces";

/** Bytes of a file after pieces were written, each with its place. */
async function written(...pieces: [number, number[]][]): Promise<number[]> {
  const file = new FilePieces();
  const writer = file.stream().getWriter();
  for (const [position, bytes] of pieces) {
    await writer.write({ type: "write", data: new Uint8Array(bytes), position });
  }
  await writer.close();
  const blob = file.file("video/mp4");
  expect(blob.type).toBe("video/mp4");
  return [...new Uint8Array(await blob.arrayBuffer())];
}

test("pieces lie one after the other, whatever came first", async () => {
  expect(await written([0, [1, 2]], [2, [3]], [3, [4, 5]])).toEqual([1, 2, 3, 4, 5]);
  expect(await written([2, [3]], [0, [1, 2]])).toEqual([1, 2, 3]);
});

test("what is written later lies over what was there", async () => {
  const whole: [number, number[]][] = [
    [0, [1, 2, 3]],
    [3, [4, 5, 6]],
  ];
  expect(await written(...whole, [1, [9]])).toEqual([1, 9, 3, 4, 5, 6]);
  expect(await written(...whole, [2, [9, 9]])).toEqual([1, 2, 9, 9, 5, 6]);
  expect(await written(...whole, [0, [9, 9, 9, 9]])).toEqual([9, 9, 9, 9, 5, 6]);
  expect(await written(...whole, [5, [9, 9]])).toEqual([1, 2, 3, 4, 5, 9, 9]);
});
