import type { Pixels } from "./pixels";

/** Weights of red and blue in luma, by the name of a video's matrix in WebCodecs. */
const WEIGHTS: Record<string, readonly [red: number, blue: number]> = {
  bt709: [0.2126, 0.0722],
  "bt2020-ncl": [0.2627, 0.0593],
};
/** Of ITU-R BT.601, as FFmpeg takes it where a file names none. */
const USUAL = [0.299, 0.114] as const;

/** The weights of red and blue of a matrix. */
export function weightsOf(matrix: string | undefined): readonly [red: number, blue: number] {
  return WEIGHTS[matrix ?? ""] ?? USUAL;
}

/** Turn luma and colour differences, which two pixels in a row share, into pixels, as FFmpeg does. */
export function coloured(
  planes: {
    luma: Float32Array;
    blue: Float32Array;
    red: Float32Array;
    width: number;
    height: number;
  },
  fullRange: boolean,
  [kr, kb]: readonly [red: number, blue: number],
): Pixels {
  const { luma, blue, red, width, height } = planes;
  const [black, gain, spread] = fullRange ? [0, 1, 1] : [16, 255 / 219, 255 / 224];
  const toRed = 2 * (1 - kr) * spread;
  const toBlue = 2 * (1 - kb) * spread;
  const kg = 1 - kr - kb;
  const data = new Uint8ClampedArray(4 * width * height);
  const half = Math.ceil(width / 2);
  for (let place = 0; place < luma.length; place++) {
    const pair = half * Math.floor(place / width) + ((place % width) >> 1);
    const level = (luma[place]! - black) * gain;
    const r = toRed * (red[pair]! - 128);
    const b = toBlue * (blue[pair]! - 128);
    data[4 * place] = level + r;
    data[4 * place + 1] = level - (kr * r + kb * b) / kg;
    data[4 * place + 2] = level + b;
    data[4 * place + 3] = 255;
  }
  return { data, width, height };
}
