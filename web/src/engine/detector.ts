import type { InferenceSession, Tensor } from "onnxruntime-web/wasm";

import type { Contract, ModelFile } from "./contract";
import { decodeCells, nonMaximumSuppression, type Outputs } from "./decoder";
import type { Box, DetectedFace } from "./faces";
import { type Pixels, resize } from "./pixels";

type Size = { width: number; height: number };
export type Run = (values: Float32Array, dimensions: number[]) => Promise<Outputs>;

/**
 * Make a function that feeds a session one tensor and gives the spec's outputs by name, all finite.
 */
export function runner(
  model: ModelFile,
  session: Pick<InferenceSession, "inputNames" | "outputNames" | "run">,
  tensor: (values: Float32Array, dimensions: number[]) => Tensor,
): Run {
  const { input, outputs } = model.spec;
  const taken = session.inputNames.join(", ");
  if (taken !== input.name) {
    throw new Error(
      `${model.file}: field 'input.name': expected the graph's one input, found '${input.name}'; ` +
        `the graph has ${taken}`,
    );
  }
  for (const { name } of outputs) {
    if (session.outputNames.includes(name)) continue;
    throw new Error(`${model.file}: field 'outputs': the graph has no output '${name}'`);
  }
  return async (values, dimensions) => {
    const results = await session.run({ [input.name]: tensor(values, dimensions) });
    return Object.fromEntries(
      outputs.map(({ name }) => {
        const found = results[name]!.data;
        if (!(found instanceof Float32Array && found.every(Number.isFinite))) {
          throw new Error(`${model.file}: output '${name}': expected finite float32 numbers`);
        }
        return [name, found];
      }),
    );
  };
}

/** Finds faces in images of any size; the same steps as `mien.detect.OnnxDetector`. */
export class FaceDetector {
  private readonly planes = new Planes();

  constructor(
    private readonly contract: Contract,
    private readonly run: Run,
  ) {}

  /** Run the network once, on grey, so that what is wrong with it shows before any answer. */
  async tryIt(): Promise<void> {
    const side = this.contract.face.spec.input.multiple_of;
    const data = new Uint8ClampedArray(8 * side * side).fill(128);
    await this.look({ data, width: 2 * side, height: side });
  }

  /** Find the faces of an image, largest first, in its pixels. */
  async detect(image: Pixels, minFacePx: number): Promise<DetectedFace[]> {
    const { detection } = this.contract;
    const target = scaledSize(image, minFacePx, detection);
    const longest = Math.max(target.width, target.height);
    const whole = Math.min(longest, detection.max_input_px);
    let faces = await this.lookAt(image, target, whole);
    const { max_face_px, nms_iou } = this.contract.face.spec.detection!;
    const needsCloser = detection.largest_face_share * whole > max_face_px;
    if (needsCloser) {
      const small = await this.lookAt(image, target, detection.small_input_px);
      const close = this.tooLarge(small, image, whole);
      faces = [...close, ...withoutParts(faces, close)];
    }
    if (longest > whole) {
      const large = resize(image, target.width, target.height);
      const tiles = rescaled(await this.tiles(large), image, large);
      faces.push(...withoutParts(tiles, this.tooLarge(faces, image, longest)));
    }
    if (needsCloser || longest > whole) faces = nonMaximumSuppression(faces, nms_iou);
    return faces
      .map((face) => ({ face, size: shorterSide(face) }))
      .filter(({ size }) => size >= minFacePx)
      .sort((a, b) => b.size - a.size)
      .map(({ face }) => face);
  }

  /** Find faces in the image as a whole, scaled so that its longer side has some length. */
  private async lookAt(image: Pixels, target: Size, longest: number): Promise<DetectedFace[]> {
    const share = longest / Math.max(target.width, target.height);
    const scaled = resize(image, side(target.width * share), side(target.height * share));
    return rescaled(await this.look(scaled), image, scaled);
  }

  /** Give the faces that would be too large in an input whose longer side has some length. */
  private tooLarge(faces: DetectedFace[], image: Size, longest: number): DetectedFace[] {
    const scale = longest / Math.max(image.width, image.height);
    const largest = this.contract.face.spec.detection!.max_face_px;
    return faces.filter((face) => shorterSide(face) * scale > largest);
  }

  /** Run the network on an image in its own size. */
  async look(image: Pixels): Promise<DetectedFace[]> {
    const { spec } = this.contract.face;
    const multiple = spec.input.multiple_of;
    const width = Math.ceil(image.width / multiple) * multiple;
    const height = Math.ceil(image.height / multiple) * multiple;
    const values = this.planes.of(image, width, height, spec.input);
    const outputs = await this.run(values, [1, 3, height, width]);
    return decodeCells(outputs, width, height, {
      strides: spec.detection!.strides,
      threshold: spec.detection!.score_threshold,
      iou: spec.detection!.nms_iou,
    });
  }

  /** Find faces in the tiles of an image, in its pixels. */
  private async tiles(large: Pixels): Promise<DetectedFace[]> {
    const longest = this.contract.detection.max_input_px;
    const found: DetectedFace[] = [];
    for (const top of this.tileStarts(large.height)) {
      for (const left of this.tileStarts(large.width)) {
        const tile = cut(large, left, top, longest);
        const faces = (await this.look(tile)).filter(
          ({ box }) =>
            (box[0] > 0 || left === 0) &&
            (box[1] > 0 || top === 0) &&
            (box[2] < tile.width || left + tile.width === large.width) &&
            (box[3] < tile.height || top + tile.height === large.height),
        );
        found.push(...faces.map((face) => moved(face, left, top)));
      }
    }
    return found;
  }

  private tileStarts(length: number): number[] {
    const { max_input_px: longest, tile_overlap_px: shared } = this.contract.detection;
    if (length <= longest) return [0];
    const count = Math.ceil((length - shared) / (longest - shared));
    return Array.from({ length: count }, (_, place) =>
      roundHalfEven(((length - longest) * place) / (count - 1)),
    );
  }
}

/** Leave out what lies for the most part within faces that are close by. */
function withoutParts(faces: DetectedFace[], close: DetectedFace[]): DetectedFace[] {
  return faces.filter(({ box }) => !close.some((face) => coverage(face.box, box) > 0.5));
}

/** The share of a box that lies in another. */
function coverage(outer: Box, box: Box): number {
  const width = Math.min(outer[2], box[2]) - Math.max(outer[0], box[0]);
  const height = Math.min(outer[3], box[3]) - Math.max(outer[1], box[1]);
  const area = Math.max((box[2] - box[0]) * (box[3] - box[1]), 1e-6);
  return (Math.max(width, 0) * Math.max(height, 0)) / area;
}

/** Choose the size at which the smallest wanted face still covers enough pixels. */
function scaledSize(image: Size, minFacePx: number, options: Contract["detection"]): Size {
  const longest = Math.max(image.width, image.height);
  let scale = Math.min(options.network_face_px / minFacePx, 2);
  if (scale > 1) scale = Math.max(1, Math.min(scale, options.max_input_px / longest));
  scale = Math.max(scale, Math.min(1, options.small_input_px / longest));
  return { width: side(image.width * scale), height: side(image.height * scale) };
}

function side(length: number): number {
  return Math.max(1, roundHalfEven(length));
}

/** Round as Python and numpy do. */
export function roundHalfEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

function shorterSide(face: DetectedFace): number {
  return Math.min(face.box[2] - face.box[0], face.box[3] - face.box[1]);
}

function rescaled(faces: DetectedFace[], image: Size, found: Size): DetectedFace[] {
  const x = image.width / found.width;
  const y = image.height / found.height;
  return faces.map((face) => ({
    box: [face.box[0] * x, face.box[1] * y, face.box[2] * x, face.box[3] * y],
    landmarks: face.landmarks.map(([px, py]) => [px * x, py * y]),
    score: face.score,
  }));
}

function moved(face: DetectedFace, left: number, top: number): DetectedFace {
  const [x0, y0, x1, y1] = face.box;
  return {
    box: [x0 + left, y0 + top, x1 + left, y1 + top],
    landmarks: face.landmarks.map(([x, y]) => [x + left, y + top]),
    score: face.score,
  };
}

function cut(image: Pixels, left: number, top: number, longest: number): Pixels {
  const width = Math.min(longest, image.width - left);
  const height = Math.min(longest, image.height - top);
  const data = new Uint8ClampedArray(4 * width * height);
  for (let row = 0; row < height; row++) {
    const from = 4 * ((top + row) * image.width + left);
    data.set(image.data.subarray(from, from + 4 * width), 4 * row * width);
  }
  return { data, width, height };
}

/** Brings pixels into the network's form, again and again into the same memory. */
class Planes {
  private values = new Float32Array(0);

  /** One plane per channel, black at the right and below. */
  of(
    image: Pixels,
    width: number,
    height: number,
    input: ModelFile["spec"]["input"],
  ): Float32Array {
    const { colour, mean, std } = input;
    const area = width * height;
    if (this.values.length !== 3 * area) this.values = new Float32Array(3 * area);
    const { data } = image;
    const { values } = this;
    for (let channel = 0; channel < 3; channel++) {
      const levels = Float32Array.from(
        { length: 256 },
        (_, level) => (level - mean[channel]!) / std[channel]!,
      );
      values.fill(levels[0]!, channel * area, (channel + 1) * area);
      let from = colour === "bgr" ? 2 - channel : channel;
      for (let row = 0; row < image.height; row++) {
        const end = channel * area + row * width + image.width;
        for (let place = end - image.width; place < end; place++, from += 4) {
          values[place] = levels[data[from]!]!;
        }
      }
    }
    return values;
  }
}
