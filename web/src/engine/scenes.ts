/**
 * Whether a frame belongs to the scene before it, and a face to the person before it; the same
 * rules as in Python (`mien.track.scenes`, which says why). Small grey images are compared by their
 * correlation; they are squares or `columns` wide, rows from the top.
 */
import type { Contract } from "./contract";
import { planeOf, type Region } from "./crop";
import { roundHalfEven } from "./detector";
import type { Box } from "./faces";
import type { Pixels } from "./pixels";

type Options = Contract["scenes"];

/** Finds the hard cuts among the frames of a camera or video, one after the other. */
export class SceneCuts {
  private last: Float64Array | null = null;

  constructor(private readonly options: Options) {}

  /** Take the next frame and say whether it begins a new scene; the first one does not. */
  isCut(frame: Region): boolean {
    const { last, options } = this;
    const { columns, rows, samples } = options;
    const whole: Box = [0, 0, frame.width, frame.height];
    const small = cells(frame, columns, rows, samples, whole);
    if (last === null) {
      this.last = small;
      return false;
    }
    const found = correlation(last, small, clear(last, small, options), options);
    if (found === null) {
      const isFirst = deviation(last) < options.min_contrast;
      if (isFirst && deviation(small) >= options.min_contrast) this.last = small;
      return false;
    }
    this.last = small;
    if (found >= options.moved_correlation) return false;
    return (
      Math.max(found, shiftedCorrelation(last, small, options)) < options.min_scene_correlation
    );
  }
}

/** Samples down and across in each cell of a face that is watched. */
const FACE_SAMPLES = 2;

/** Sees whether the image changes suddenly where faces are, from one frame to the next. */
export class FaceChanges {
  private size: [width: number, height: number] | null = null;
  private boxes: Box[] = [];
  private looks: Float64Array[] = [];

  constructor(private readonly options: Options) {}

  /** Note the faces that were detected in a frame. */
  know(frame: Region, boxes: Box[]): void {
    this.size = [frame.width, frame.height];
    this.boxes = boxes;
    this.looks = this.look(frame);
  }

  /** Take the next frame; say whether the known faces change in it, or the frames' size. */
  change(frame: Region): boolean {
    if (this.size === null) return false;
    if (frame.width !== this.size[0] || frame.height !== this.size[1]) return true;
    const before = this.looks;
    this.looks = this.look(frame);
    return before.some((look, face) => looksLikeAnother(look, this.looks[face]!, this.options));
  }

  private look(frame: Region): Float64Array[] {
    const side = this.options.appearance_px;
    return this.boxes.map((box) => cells(frame, side, side, FACE_SAMPLES, box));
  }
}

/** A whole image, to be compared with others. */
export function regionOf(pixels: Pixels): Region {
  const { width, height } = pixels;
  return { width, height, black: 0, white: 255, plane: () => planeOf(pixels) };
}

/** What tells people apart from one frame to the next: an aligned face, made small. */
export function appearance(crop: Float32Array, size: number, options: Options): Float64Array {
  const side = options.appearance_px;
  const across = narrowed(Float64Array.from(crop, Math.trunc), size, side);
  return transposed(narrowed(transposed(across, side, size), size, side), side, side);
}

/** Whether one face's appearance in two frames is that of two people. */
export function looksLikeAnother(before: Float64Array, now: Float64Array, options: Options) {
  const counts = clear(before, now, options);
  const found = correlation(details(before, options), details(now, options), counts, options);
  return found !== null && found < options.min_person_correlation;
}

/**
 * A part of a frame in few cells, each the mean of `samples` x `samples` of its pixels; what lies
 * outside of the frame is its nearest pixel.
 */
function cells(
  frame: Region,
  columns: number,
  rows: number,
  samples: number,
  [left, top, right, bottom]: Box,
): Float64Array {
  const { levels, width, height } = frame.plane(0, 0, frame.width, frame.height);
  const gain = 255 / (frame.white - frame.black);
  const across = spread(left, right - 1, columns * samples, width);
  const found = new Float64Array(rows * columns);
  spread(top, bottom - 1, rows * samples, height).forEach((y, down) => {
    const row = columns * Math.floor(down / samples);
    across.forEach((x, place) => {
      const level = (levels[y * width + x]! - frame.black) * gain;
      found[row + Math.floor(place / samples)]! += Math.min(Math.max(level, 0), 255);
    });
  });
  return found.map((sum) => sum / samples ** 2);
}

/** So many places from one pixel to another, kept within a side. */
function spread(first: number, last: number, count: number, side: number): number[] {
  return Array.from({ length: count }, (_, place) => {
    const at = roundHalfEven(first + (place * (last - first)) / (count - 1));
    return Math.min(Math.max(at, 0), side - 1);
  });
}

/** The correlation of what counts; null where that is too little, or all alike. */
function correlation(
  a: Float64Array,
  b: Float64Array,
  counts: boolean[],
  { min_pixels_share, min_contrast }: Options,
): number | null {
  const first = a.filter((_, place) => counts[place]);
  const second = b.filter((_, place) => counts[place]);
  if (first.length < min_pixels_share * a.length) return null;
  const deviations = [deviation(first), deviation(second)] as const;
  if (Math.min(...deviations) < min_contrast) return null;
  const [meanA, meanB] = [mean(first), mean(second)];
  const products = first.map((value, place) => (value - meanA) * (second[place]! - meanB));
  return mean(products) / (deviations[0] * deviations[1]);
}

/** Which pixels are neither black nor white in either of two images. */
function clear(a: Float64Array, b: Float64Array, { margin }: Options): boolean[] {
  return Array.from(a, (value, place) => {
    const other = b[place]!;
    return Math.min(value, other) > margin && Math.max(value, other) < 255 - margin;
  });
}

/** The highest correlation of what two images share when one is shifted. */
function shiftedCorrelation(a: Float64Array, b: Float64Array, options: Options): number {
  let best = -1;
  for (let y = -options.max_shift_down; y <= options.max_shift_down; y++) {
    for (let x = -options.max_shift_across; x <= options.max_shift_across; x++) {
      const [first, second] = [part(a, y, x, options), part(b, -y, -x, options)];
      const found = correlation(first, second, clear(first, second, options), options);
      best = Math.max(best, found ?? -1);
    }
  }
  return best;
}

/** The part of an image that one shifted by `y` and `x` shares with it. */
function part(image: Float64Array, y: number, x: number, { columns, rows }: Options): Float64Array {
  return image.filter((_, place) => {
    const column = place % columns;
    const row = Math.floor(place / columns);
    const inRows = row >= Math.max(0, y) && row < rows + Math.min(0, y);
    return inRows && column >= Math.max(0, x) && column < columns + Math.min(0, x);
  });
}

/** An appearance without its light and shade. */
function details(look: Float64Array, { appearance_px: side, detail_px }: Options): Float64Array {
  const weights = Array.from({ length: side }, (_, row) => {
    const heights = Array.from({ length: side }, (_, column) =>
      Math.exp(-(((row - column) / detail_px) ** 2) / 2),
    );
    const total = heights.reduce((sum, height) => sum + height, 0);
    return heights.map((height) => height / total);
  });
  /** Weigh along the rows, and return the result with rows and columns exchanged. */
  const blurred = (image: Float64Array) =>
    image.map((_, place) => {
      const row = side * (place % side);
      return weights[Math.floor(place / side)]!.reduce(
        (sum, weight, column) => sum + weight * image[row + column]!,
        0,
      );
    });
  const shade = blurred(blurred(look));
  return look.map((value, place) => value - shade[place]!);
}

/** Make rows of `size` pixels shorter by means, rounded, as Pillow's filter BOX does. */
function narrowed(image: Float64Array, size: number, side: number): Float64Array {
  const rows = image.length / size;
  const scale = size / side;
  const reach = Math.max(scale, 1) / 2;
  const made = new Float64Array(rows * side);
  for (let column = 0; column < side; column++) {
    const centre = (column + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(size, Math.trunc(centre + reach + 0.5));
    for (let row = 0; row < rows; row++) {
      const level = mean(image.subarray(row * size + start, row * size + end));
      made[row * side + column] = Math.floor(level + 0.5);
    }
  }
  return made;
}

function transposed(image: Float64Array, columns: number, rows: number): Float64Array {
  return image.map((_, place) => image[(place % rows) * columns + Math.floor(place / rows)]!);
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function deviation(values: Float64Array): number {
  const middle = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
}
