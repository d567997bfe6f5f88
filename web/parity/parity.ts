/**
 * Lays the engine's parts open for `tests/web`, which holds them to Python's. Arrays come and go as
 * plain lists, since that is what a test can send.
 */
import { Baselines } from "../src/engine/baseline";
import type { BaselineSpec, Contract } from "../src/engine/contract";
import { cropFace, planeOf, type Region, similarity } from "../src/engine/crop";
import { decodeCells } from "../src/engine/decoder";
import type { Box, Landmarks } from "../src/engine/faces";
import { People } from "../src/engine/people";
import { type Pixels, resize } from "../src/engine/pixels";
import { faceQuality, unsureReason } from "../src/engine/quality";
import { appearance, SceneCuts } from "../src/engine/scenes";
import { combine } from "../src/engine/six";
import { Smoother } from "../src/engine/smoother";
import { DetectionInterval, SamplingInterval } from "../src/engine/timeout";
import { Tracker } from "../src/engine/tracker";
import { actionUnits, mergedSides, strongest } from "../src/units/names";
import { shownUnits, smoothedUnits, UnitNetwork, type UnitReading } from "../src/units/network";
import { unitsEn } from "../src/units/words/en";
import { unitsJa } from "../src/units/words/ja";
import { unitsKo } from "../src/units/words/ko";

interface Image {
  width: number;
  height: number;
  rgb: number[];
}

function pixels({ width, height, rgb }: Image): Pixels {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  rgb.forEach((value, place) => {
    data[4 * Math.floor(place / 3) + (place % 3)] = value;
  });
  return { data, width, height };
}

function region(image: Image): Region {
  const whole = pixels(image);
  return {
    width: whole.width,
    height: whole.height,
    black: 0,
    white: 255,
    plane(left, top, width, height) {
      const data = new Uint8ClampedArray(4 * width * height);
      for (let row = 0; row < height; row++) {
        const from = 4 * ((top + row) * whole.width + left);
        data.set(whole.data.subarray(from, from + 4 * width), 4 * row * width);
      }
      return planeOf({ data, width, height });
    },
  };
}

function arrays(lists: Record<string, number[]>): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(lists).map(([name, values]) => [name, Float32Array.from(values)]),
  );
}

const parity = {
  /** Action units, and the most active units with two sides as one. */
  units(contract: Contract, units: Record<string, number>, most: number) {
    return {
      action_units: actionUnits(contract, units),
      strongest: strongest(mergedSides(units), most),
    };
  },
  /** The units that have a word, by language. */
  unitWords() {
    const all = { en: unitsEn, ko: unitsKo, ja: unitsJa };
    return Object.fromEntries(
      Object.entries(all).map(([language, { names }]) => [language, Object.keys(names)]),
    );
  },
  /** What is said of faces of whose crops the network gives these outputs. */
  async readUnits(
    contract: Contract,
    image: Image,
    faces: { box: Box; landmarks: Landmarks }[],
    outputs: Record<string, number[]>,
  ) {
    const network = new UnitNetwork(contract, async () => arrays(outputs));
    const { size } = contract.emotion.spec.crop!;
    const crops = faces.map(() => new Float32Array(size * size));
    const found = faces.map((face) => ({ ...face, score: 1 }));
    return (await network.read(region(image), found, crops)).map(shownUnits);
  },
  /** The units of a person after smoothing; the probabilities do not matter. */
  smoothUnits(contract: Contract, steps: { reading: UnitReading; timestamp_s: number }[]) {
    const smoother = new Smoother(contract.smoothing, contract.track_timeout);
    const even = contract.labels.map(() => 1 / contract.labels.length);
    return steps.map(({ reading, timestamp_s }) => {
      smoother.update(0, even, timestamp_s);
      return shownUnits(smoothedUnits(smoother, 0, reading, timestamp_s, 0));
    });
  },
  resize(image: Image, width: number, height: number): number[] {
    return [...resize(pixels(image), width, height).data].filter((_, place) => place % 4 !== 3);
  },
  crop(image: Image, landmarks: Landmarks, places: Landmarks, size: number): number[] {
    return [...cropFace(region(image), similarity(landmarks, places, size), size)];
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
    { track_timeout }: Contract,
    options: Contract["smoothing"],
    steps: {
      track: number;
      probabilities: number[];
      timestamp_s: number;
      interval_s?: number;
    }[],
  ) {
    const smoother = new Smoother(options, track_timeout);
    return steps.map((step) =>
      smoother.update(step.track, step.probabilities, step.timestamp_s, step.interval_s),
    );
  },
  /** Baselines and smoothing together; `neutral` notes a face as neutral after its answer. */
  baseline(
    contract: Contract,
    spec: BaselineSpec,
    steps: { track: number; probabilities: number[]; timestamp_s: number; neutral: boolean }[],
  ) {
    const { tracking, track_timeout, smoothing } = contract;
    const gap_s = tracking.max_gap_s;
    const baselines = new Baselines(spec, contract.baseline, gap_s, track_timeout);
    const smoother = new Smoother(smoothing, track_timeout);
    return steps.map(({ track, probabilities, timestamp_s, neutral }) => {
      const offset = baselines.update(track, probabilities, timestamp_s, true);
      const shown = smoother.update(track, probabilities, timestamp_s, 0, offset);
      if (neutral) baselines.setNeutral(track, shown.uncorrected!, timestamp_s);
      baselines.forgetBefore(timestamp_s);
      return { offset, ...shown };
    });
  },
  /** Without `crops` all faces look alike. */
  track(
    { tracking, track_timeout, scenes }: Contract,
    frames: {
      boxes: Box[];
      timestamp_s: number;
      interval_s?: number;
      crops?: number[][];
      size_wh?: [number, number];
    }[],
  ) {
    const tracker = new Tracker(tracking, track_timeout, scenes);
    return frames.map(({ boxes, timestamp_s, interval_s, crops, size_wh }) => {
      const looks = boxes.map((_, face) => {
        const crop = Float32Array.from(crops?.[face] ?? [0]);
        return appearance(crop, Math.sqrt(crop.length), scenes);
      });
      if (size_wh !== undefined) tracker.resize(...size_wh);
      return tracker.update(boxes, looks, timestamp_s, interval_s);
    });
  },
  /** After each search the numbers of the tracks that are people, null of the others. */
  people(
    contract: Contract,
    searches: { tracks: number[]; scores: number[]; timestamp_s: number }[],
  ): (number | null)[][] {
    const people = new People(contract.people);
    return searches.map(({ tracks, scores, timestamp_s }) => {
      people.observe(tracks, scores, timestamp_s);
      return tracks.map((track) =>
        people.isPerson(track, timestamp_s) ? people.number(track) : null,
      );
    });
  },
  cuts({ scenes }: Contract, frames: Image[]): boolean[] {
    const cuts = new SceneCuts(scenes);
    return frames.map((frame) => cuts.isCut(region(frame)));
  },
  appearance({ scenes }: Contract, crop: number[]): number[] {
    return [...appearance(Float32Array.from(crop), Math.sqrt(crop.length), scenes)];
  },
  intervals({ track_timeout }: Contract, times: number[]): number[] {
    const interval = new DetectionInterval(track_timeout);
    return times.map((time) => interval.update(time));
  },
  sampling(_: Contract, least_s: number, times: number[]): number[] {
    const interval = new SamplingInterval(least_s);
    return times.map((time) => interval.update(time));
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
};

Object.assign(window, { parity });
