import type { Region } from "./crop";
import { Engine } from "./engine";
import type { Pixels } from "./pixels";
import type { Answer, Calls, Question } from "./protocol";

let engine: Engine | null = null;
const full = new OffscreenCanvas(1, 1);
const small = new OffscreenCanvas(1, 1);

function context(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const drawn = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  if (drawn === null) throw new Error("this browser gives no canvas to a worker");
  return drawn;
}

/** Put an image onto a canvas, on white, and give access to its pixels. */
function place(
  canvas: OffscreenCanvas,
  bitmap: ImageBitmap,
  width: number,
  height: number,
): Region {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const drawn = context(canvas);
  drawn.fillStyle = "#fff";
  drawn.fillRect(0, 0, width, height);
  drawn.drawImage(bitmap, 0, 0, width, height);
  return {
    width,
    height,
    read: (left, top, w, h): Pixels => drawn.getImageData(left, top, w, h),
  };
}

const answers: { [Name in keyof Calls]: (ask: Calls[Name]["ask"]) => Promise<unknown> } = {
  load: async ({ contract, base, threads }) => {
    engine = await Engine.load(contract, base, threads, (bytes) => send({ loaded: bytes }));
    return engine.threads;
  },
  reset: async () => {
    ready().reset();
    return null;
  },
  image: async ({ bitmap, minFacePx }) =>
    ready().image(place(full, bitmap, bitmap.width, bitmap.height), minFacePx),
  frame: async ({ bitmap, timestamp_s, options }) => {
    const { width, height } = bitmap;
    const scale = ready().liveScale(width, height, options.minFacePx);
    const copy = place(small, bitmap, Math.round(width * scale), Math.round(height * scale));
    const frame = place(full, bitmap, width, height);
    const pixels = copy.read(0, 0, copy.width, copy.height);
    return ready().frame(frame, pixels, timestamp_s, options);
  },
  explain: async ({ bitmap, minFacePx }) =>
    ready().explain(place(full, bitmap, bitmap.width, bitmap.height), minFacePx),
};

function ready(): Engine {
  if (engine === null) throw new Error("the networks are not loaded yet");
  return engine;
}

function send(answer: Answer): void {
  self.postMessage(answer);
}

/** One question after the other: they share canvases, tracks and networks. */
let before: Promise<void> = Promise.resolve();

self.onmessage = (event: MessageEvent<Question>) => {
  before = before.then(() => answer(event.data));
};

async function answer({ id, name, ask }: Question): Promise<void> {
  try {
    const found = await (answers[name] as (ask: unknown) => Promise<unknown>)(ask);
    send({ id, answer: found });
  } catch (error) {
    send({ id, error: error instanceof Error ? error.message : String(error) });
  } finally {
    if (ask !== null && "bitmap" in ask) ask.bitmap.close();
  }
}
