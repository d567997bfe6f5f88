/** Frames of videos in the worker: their luma as the decoder has it, or else that of a canvas. */

import { coloured, weightsOf } from "./colours";
import { type Plane, planeOf } from "./crop";
import { type Pixels, resizePlane } from "./pixels";
import type { ClipFrame } from "./video";

/** What a decoder or a video element gave. */
export interface GivenFrame {
  image: VideoFrame | ImageBitmap;
  number: number;
  timestamp_s: number;
  /** By how much it has to be turned clockwise to be upright. */
  rotation: 0 | 90 | 180 | 270;
  /** The matrix of its colours, if the file names it. */
  matrix?: string;
  /** Whether colours belong to the left one of two pixels, not to the middle between them. */
  sitedLeft?: boolean;
}

/** 8-bit formats whose first plane is luma. */
const LUMA_FIRST = ["I420", "I422", "I444", "NV12"];
/** Luma of black and white in videos of limited range (ITU-R BT.601 and 709). */
const LIMITED = { black: 16, white: 235 };
/** How far the colours of two pixels lie to the left of their middle, in distances of colours. */
const LEFT_SHIFT = 0.25;
const FULL = { black: 0, white: 255 };

const small = new OffscreenCanvas(1, 1);

/** A canvas that is read often, of a size. */
export function canvasOf(
  canvas: OffscreenCanvas,
  width: number,
  height: number,
): OffscreenCanvasRenderingContext2D {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const drawn = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  if (drawn === null) throw new Error("this browser gives no canvas to a worker");
  return drawn;
}

/** A frame that the analysis can hold; what was given is closed. */
export async function clipFrame(given: GivenFrame): Promise<ClipFrame> {
  const { image, rotation } = given;
  try {
    if (image instanceof ImageBitmap) return new DrawnFrame(given, upright(image, rotation));
    const { visibleRect, displayWidth, displayHeight, format } = image;
    const square = visibleRect?.width === displayWidth && visibleRect.height === displayHeight;
    if (square && rotation === 0 && format !== null && LUMA_FIRST.includes(format)) {
      const data = new Uint8Array(image.allocationSize());
      return new PlanarFrame(given, data, await image.copyTo(data), image);
    }
    return new DrawnFrame(given, upright(image, rotation));
  } finally {
    image.close();
  }
}

/** A copy that lasts, turned upright. */
function upright(image: VideoFrame | ImageBitmap, rotation: number): ImageBitmap {
  const [width, height] =
    image instanceof ImageBitmap
      ? [image.width, image.height]
      : [image.displayWidth, image.displayHeight];
  const turned = rotation % 180 !== 0;
  const canvas = new OffscreenCanvas(turned ? height : width, turned ? width : height);
  const drawn = canvas.getContext("2d", { alpha: false })!;
  drawn.translate(canvas.width / 2, canvas.height / 2);
  drawn.rotate((rotation * Math.PI) / 180);
  drawn.drawImage(image, -width / 2, -height / 2, width, height);
  return canvas.transferToImageBitmap();
}

abstract class Held implements ClipFrame {
  readonly number: number;
  readonly timestamp_s: number;

  constructor(
    { number, timestamp_s }: GivenFrame,
    readonly width: number,
    readonly height: number,
    readonly black: number,
    readonly white: number,
  ) {
    this.number = number;
    this.timestamp_s = timestamp_s;
  }

  plane(left: number, top: number, width: number, height: number): Plane {
    const whole = this.levels();
    if (width === this.width && height === this.height) return { levels: whole, width, height };
    const levels = new (whole.constructor as typeof Float32Array)(width * height);
    for (let row = 0; row < height; row++) {
      const from = (top + row) * this.width + left;
      levels.set(whole.subarray(from, from + width), row * width);
    }
    return { levels, width, height };
  }

  scaled(width: number, height: number): Pixels {
    const drawn = canvasOf(small, width, height);
    drawn.drawImage(this.drawable(), 0, 0, width, height);
    return drawn.getImageData(0, 0, width, height);
  }

  abstract drawable(): CanvasImageSource;
  abstract close(): void;
  protected abstract levels(): Float32Array | Uint8Array;
}

/** The planes of a frame; the decoder may use its own memory again. */
class PlanarFrame extends Held {
  private readonly init: VideoFrameBufferInit & { format: VideoPixelFormat };
  private readonly matrix: string | undefined;
  private readonly sitedLeft: boolean;
  private made: VideoFrame | null = null;
  private luma: Uint8Array | null = null;

  constructor(
    given: GivenFrame,
    private readonly data: Uint8Array<ArrayBuffer>,
    private readonly layout: PlaneLayout[],
    image: VideoFrame,
  ) {
    const { width, height } = image.visibleRect!;
    const { black, white } = image.colorSpace.fullRange ? FULL : LIMITED;
    super(given, width, height, black, white);
    this.matrix = given.matrix;
    this.sitedLeft = given.sitedLeft === true && image.format !== "I444";
    this.init = {
      format: image.format!,
      codedWidth: width,
      codedHeight: height,
      timestamp: 0,
      layout,
      colorSpace: image.colorSpace.toJSON(),
    };
  }

  /** As Python's decoder does it, whatever the browser takes for the colours of a video. */
  scaled(width: number, height: number): Pixels {
    const luma = resizePlane(this.part(0, 0, 1), width, height, 0);
    const interleaved = this.init.format === "NV12";
    const half = Math.ceil(width / 2);
    const [blue, red] = [0, 1].map((channel) => {
      const [plane, step] = interleaved ? [1, 2] : [1 + channel, 1];
      const part = this.part(plane, interleaved ? channel : 0, step);
      return resizePlane(part, half, height, this.sitedLeft ? LEFT_SHIFT : 0);
    }) as [Float32Array, Float32Array];
    return coloured({ luma, blue, red, width, height }, this.black === 0, weightsOf(this.matrix));
  }

  drawable(): CanvasImageSource {
    this.made ??= new VideoFrame(this.data, this.init);
    return this.made;
  }

  close(): void {
    this.made?.close();
    this.made = null;
  }

  protected levels(): Uint8Array {
    this.luma ??= this.part(0, 0, 1).levels;
    return this.luma;
  }

  /** One plane without gaps; `first` and `step` choose one of two that are interleaved. */
  private part(
    plane: number,
    first: number,
    step: number,
  ): { levels: Uint8Array; width: number; height: number } {
    const { format } = this.init;
    const isHalf = plane > 0;
    const width = isHalf && format !== "I444" ? Math.ceil(this.width / 2) : this.width;
    const low = isHalf && (format === "I420" || format === "NV12");
    const height = low ? Math.ceil(this.height / 2) : this.height;
    const { offset, stride } = this.layout[plane]!;
    if (step === 1 && stride === width) {
      return { levels: this.data.subarray(offset, offset + width * height), width, height };
    }
    const levels = new Uint8Array(width * height);
    for (let row = 0; row < height; row++) {
      const from = offset + row * stride + first;
      for (let column = 0; column < width; column++) {
        levels[row * width + column] = this.data[from + step * column]!;
      }
    }
    return { levels, width, height };
  }
}

/** A frame whose luma is that of its colours. */
class DrawnFrame extends Held {
  private known: Float32Array | null = null;

  constructor(
    given: GivenFrame,
    private readonly image: ImageBitmap,
  ) {
    super(given, image.width, image.height, FULL.black, FULL.white);
  }

  drawable(): CanvasImageSource {
    return this.image;
  }

  close(): void {
    this.image.close();
    this.known = null;
  }

  protected levels(): Float32Array {
    if (this.known === null) {
      const canvas = new OffscreenCanvas(1, 1);
      const drawn = canvasOf(canvas, this.width, this.height);
      drawn.drawImage(this.image, 0, 0);
      const pixels = drawn.getImageData(0, 0, this.width, this.height);
      this.known = planeOf(pixels).levels as Float32Array;
    }
    return this.known;
  }
}
