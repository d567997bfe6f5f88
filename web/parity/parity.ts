/**
 * Lays the page's parts open for `tests/web`: the engine's, which are held to Python's, and what a
 * visit is too short for. Arrays come and go as plain lists, since that is what a test can send.
 */
import { written } from "../src/app/save";
import type { Contract } from "../src/engine/contract";
import { cropFace, similarity, type Region } from "../src/engine/crop";
import { decodeCells } from "../src/engine/decoder";
import { faceQuality, unsureReason } from "../src/engine/quality";
import type { Box, Landmarks } from "../src/engine/faces";
import { resize, type Pixels } from "../src/engine/pixels";
import { combine } from "../src/engine/six";
import { Smoother, type SmoothingOptions } from "../src/engine/smoother";
import { Tracker } from "../src/engine/tracker";

interface Picture {
  width: number;
  height: number;
  rgb: number[];
}

function pixels({ width, height, rgb }: Picture): Pixels {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  rgb.forEach((value, place) => (data[4 * Math.floor(place / 3) + (place % 3)] = value));
  return { data, width, height };
}

function region(picture: Picture): Region {
  const whole = pixels(picture);
  return {
    width: whole.width,
    height: whole.height,
    read(left, top, width, height) {
      const data = new Uint8ClampedArray(4 * width * height);
      for (let row = 0; row < height; row++) {
        const from = 4 * ((top + row) * whole.width + left);
        data.set(whole.data.subarray(from, from + 4 * width), 4 * row * width);
      }
      return { data, width, height };
    },
  };
}

function arrays(lists: Record<string, number[]>): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(lists).map(([name, values]) => [name, Float32Array.from(values)]),
  );
}

const parity = {
  resize(picture: Picture, width: number, height: number): number[] {
    return [...resize(pixels(picture), width, height).data].filter((_, place) => place % 4 !== 3);
  },
  crop(picture: Picture, landmarks: Landmarks, places: Landmarks, size: number): number[] {
    return [...cropFace(region(picture), similarity(landmarks, places, size), size)];
  },
  decode(
    outputs: Record<string, number[]>,
    width: number,
    height: number,
    options: { strides: number[]; threshold: number; iou: number },
  ) {
    return decodeCells(arrays(outputs), width, height, options);
  },
  combine(contract: Contract, outputs: Record<string, number[]>, face: number): number[] {
    return combine(contract, arrays(outputs), face).calibrated;
  },
  smooth(
    options: SmoothingOptions,
    steps: { track: number; probabilities: number[]; timestamp_s: number }[],
  ) {
    const smoother = new Smoother(options);
    return steps.map((step) => smoother.update(step.track, step.probabilities, step.timestamp_s));
  },
  track(options: Contract["tracking"], frames: { boxes: Box[]; timestamp_s: number }[]) {
    const tracker = new Tracker(options);
    return frames.map((frame) => tracker.update(frame.boxes, frame.timestamp_s));
  },
  quality(
    contract: Contract,
    face: { box: Box; landmarks: Landmarks },
    crop: number[],
    width: number,
    height: number,
  ) {
    const size = Math.sqrt(crop.length);
    const known = { ...face, score: 1 };
    const quality = faceQuality(known, Float32Array.from(crop), size, width, height);
    return { quality, reason: unsureReason(quality, contract.unsure) };
  },
  async write(count: number) {
    const rows = Array.from({ length: count }, (_, frame) => ({ frame, text: "x".repeat(300) }));
    const parts = await written(rows, (row) => JSON.stringify(row) + "\n");
    return { parts: parts.length, lines: parts.join("").split("\n").length - 1 };
  },
};

Object.assign(window, { parity });
