/** RGBA pixels of 8 bits, rows from the top. */
export interface Pixels {
  data: Uint8ClampedArray;
  width: number;
  height: number;
}

/**
 * Scale down or up as Pillow does in Python: means over whole squares first where the image is
 * twice too large or more, then a triangle filter along rows and columns with rounding between.
 */
export function resize(image: Pixels, width: number, height: number): Pixels {
  if (image.width === width && image.height === height) return image;
  const factorX = Math.max(1, Math.floor(image.width / width));
  const factorY = Math.max(1, Math.floor(image.height / height));
  const small = factorX > 1 || factorY > 1 ? reduce(image, factorX, factorY) : image;
  const across = filter(image.width / factorX, small.width, width);
  const rows = across === null ? small : horizontal(small, across, width);
  const down = filter(image.height / factorY, small.height, height);
  return down === null ? rows : vertical(rows, down, height);
}

/**
 * Means over squares; those at the right and lower edge may be narrower. As in Pillow, a sum is
 * multiplied by a whole number of 24 bits, so that some halves are rounded down.
 */
function reduce(image: Pixels, factorX: number, factorY: number): Pixels {
  const width = Math.ceil(image.width / factorX);
  const height = Math.ceil(image.height / factorY);
  const data = new Uint8ClampedArray(4 * width * height);
  const sums = new Uint32Array(3 * width);
  for (let row = 0; row < height; row++) {
    sums.fill(0);
    const bottom = Math.min(image.height, (row + 1) * factorY);
    for (let y = row * factorY; y < bottom; y++) {
      let place = 4 * y * image.width;
      for (let x = 0; x < image.width; x++, place += 4) {
        const column = 3 * Math.floor(x / factorX);
        sums[column]! += image.data[place]!;
        sums[column + 1]! += image.data[place + 1]!;
        sums[column + 2]! += image.data[place + 2]!;
      }
    }
    for (let column = 0; column < width; column++) {
      const covered = Math.min(image.width, (column + 1) * factorX) - column * factorX;
      const count = covered * (bottom - row * factorY);
      const share = Math.floor(2 ** 24 / count);
      const place = 4 * (row * width + column);
      for (let channel = 0; channel < 3; channel++) {
        const sum = sums[3 * column + channel]! + (count >> 1);
        data[place + channel] = Math.floor((sum * share) / 2 ** 24);
      }
      data[place + 3] = 255;
    }
  }
  return { data, width, height };
}

/** For each output place the first input place and the weights from there on. */
interface Filter {
  starts: Int32Array;
  counts: Int32Array;
  weights: Float32Array;
  longest: number;
}

/**
 * Make a triangle filter from `length` input pixels (of which `available` exist) to `size`; `shift`
 * is how far to the right of its place each output lies, in input pixels.
 */
function filter(length: number, available: number, size: number, shift = 0): Filter | null {
  if (length === size && shift === 0) return null;
  const scale = length / size;
  const support = Math.max(scale, 1);
  const longest = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(size);
  const counts = new Int32Array(size);
  const weights = new Float32Array(size * longest);
  for (let place = 0; place < size; place++) {
    const centre = (place + 0.5) * scale + shift;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(available, Math.trunc(centre + support + 0.5));
    let total = 0;
    for (let input = start; input < end; input++) {
      const weight = Math.max(0, 1 - Math.abs((input - centre + 0.5) / support));
      weights[place * longest + input - start] = weight;
      total += weight;
    }
    for (let input = 0; input < end - start; input++) weights[place * longest + input]! /= total;
    starts[place] = start;
    counts[place] = end - start;
  }
  return { starts, counts, weights, longest };
}

/** Round to the nearest whole number, halves up; what is outside of a byte an array clamps. */
function rounded(value: number): number {
  return Math.floor(value + 0.5);
}

function horizontal(image: Pixels, filter: Filter, width: number): Pixels {
  const data = new Uint8ClampedArray(4 * width * image.height);
  for (let row = 0; row < image.height; row++) {
    const from = 4 * row * image.width;
    for (let column = 0; column < width; column++) {
      let red = 0;
      let green = 0;
      let blue = 0;
      const first = from + 4 * filter.starts[column]!;
      for (let tap = 0; tap < filter.counts[column]!; tap++) {
        const weight = filter.weights[column * filter.longest + tap]!;
        red += weight * image.data[first + 4 * tap]!;
        green += weight * image.data[first + 4 * tap + 1]!;
        blue += weight * image.data[first + 4 * tap + 2]!;
      }
      const place = 4 * (row * width + column);
      data[place] = rounded(red);
      data[place + 1] = rounded(green);
      data[place + 2] = rounded(blue);
      data[place + 3] = 255;
    }
  }
  return { data, width, height: image.height };
}

function vertical(image: Pixels, filter: Filter, height: number): Pixels {
  const line = 4 * image.width;
  const data = new Uint8ClampedArray(line * height);
  const sums = new Float32Array(line);
  for (let row = 0; row < height; row++) {
    sums.fill(0);
    for (let tap = 0; tap < filter.counts[row]!; tap++) {
      const weight = filter.weights[row * filter.longest + tap]!;
      const from = line * (filter.starts[row]! + tap);
      for (let place = 0; place < line; place++) {
        sums[place]! += weight * image.data[from + place]!;
      }
    }
    for (let place = 0; place < line; place++) data[line * row + place] = rounded(sums[place]!);
  }
  return { data, width: image.width, height };
}

/** Scale one plane of a frame by the same triangle filter, without rounding, and shift it. */
export function resizePlane(
  { levels, width, height }: { levels: ArrayLike<number>; width: number; height: number },
  toWidth: number,
  toHeight: number,
  shift: number,
): Float32Array {
  const across = filter(width, width, toWidth, shift);
  let rows = Float32Array.from(levels);
  if (across !== null) {
    rows = new Float32Array(toWidth * height);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < toWidth; column++) {
        const from = row * width + across.starts[column]!;
        const taps = column * across.longest;
        let sum = 0;
        for (let tap = 0; tap < across.counts[column]!; tap++) {
          sum += across.weights[taps + tap]! * levels[from + tap]!;
        }
        rows[row * toWidth + column] = sum;
      }
    }
  }
  const down = filter(height, height, toHeight);
  if (down === null) return rows;
  const scaled = new Float32Array(toWidth * toHeight);
  for (let row = 0; row < toHeight; row++) {
    for (let tap = 0; tap < down.counts[row]!; tap++) {
      const weight = down.weights[row * down.longest + tap]!;
      const from = toWidth * (down.starts[row]! + tap);
      const to = toWidth * row;
      for (let place = 0; place < toWidth; place++) {
        scaled[to + place]! += weight * rows[from + place]!;
      }
    }
  }
  return scaled;
}
