import { modelAddress } from "./address";
import { type Plane, planeOf, type Region } from "./crop";
import { Engine } from "./engine";
import type { FoundFaces, FrameResult } from "./faces";
import { LoadError } from "./fault";
import { canvasOf, clipFrame } from "./frames";
import { fetchUnits, type Loading, load, openUnits } from "./loading";
import type { Pixels } from "./pixels";
import type { Answer, Calls, Question } from "./protocol";
import { VideoAnalysis } from "./video";

let loading: Loading | null = null;
let engine: Engine | null = null;
/** The video that is analysed. */
let video: VideoAnalysis | null = null;
const full = new OffscreenCanvas(1, 1);
const small = new OffscreenCanvas(1, 1);

/** An image on a canvas, on white, with access to its pixels. */
interface Placed extends Region {
  image: OffscreenCanvas;
  pixels(): Pixels;
}

function place(
  canvas: OffscreenCanvas,
  bitmap: ImageBitmap,
  width: number,
  height: number,
): Placed {
  const drawn = canvasOf(canvas, width, height);
  drawn.fillStyle = "#fff";
  drawn.fillRect(0, 0, width, height);
  drawn.drawImage(bitmap, 0, 0, width, height);
  return {
    width,
    height,
    black: 0,
    white: 255,
    image: canvas,
    plane: (left, top, w, h): Plane => planeOf(drawn.getImageData(left, top, w, h)),
    pixels: () => drawn.getImageData(0, 0, width, height),
  };
}

function whole(bitmap: ImageBitmap): Placed {
  return place(full, bitmap, bitmap.width, bitmap.height);
}

/** The copy of a frame in which faces are looked for. */
function scaled(bitmap: ImageBitmap, minFacePx: number): Placed {
  const { width, height } = bitmap;
  const scale = ready().networks.scale(width, height, minFacePx);
  return place(small, bitmap, Math.round(width * scale), Math.round(height * scale));
}

const answers: { [Name in keyof Calls]: (ask: Calls[Name]["ask"]) => Promise<unknown> } = {
  load: async ({ contract, base, threads }) => {
    loading = await load(contract, base, threads, (share) => send({ share }));
    return threads;
  },
  complete: async () => {
    const { networks } = loading!;
    engine = new Engine((await networks).contract, await networks);
    return null;
  },
  faces: async ({ bitmap, minFacePx }): Promise<FoundFaces> => {
    const { width, height, pixels } = whole(bitmap);
    const faces = await loading!.detector.detect(pixels(), minFacePx);
    return { width, height, boxes: faces.map(({ box }) => box) };
  },
  reset: async () => {
    ready().reset();
    return null;
  },
  loadUnits: async ({ base }) => {
    const { contract, networks } = ready();
    const file = await fetchUnits(contract, base, (shareOfUnits) => send({ shareOfUnits }));
    await inTurn(async () => {
      networks.units = await openUnits(contract, file);
    });
    return modelAddress(base, contract.units);
  },
  image: async ({ bitmap, minFacePx, units }) => {
    const image = whole(bitmap);
    return ready().image(image, image.pixels(), minFacePx, units);
  },
  frame: async ({ bitmap, timestamp_s, options }) => {
    const copy = scaled(bitmap, options.minFacePx);
    return ready().frame(whole(bitmap), copy.pixels(), timestamp_s, options);
  },
  glance: async ({ bitmap, minFacePx, cropPx }) => {
    const copy = scaled(bitmap, minFacePx);
    return ready().glance(whole(bitmap), copy.pixels(), minFacePx, cropPx);
  },
  explain: async ({ bitmap, minFacePx, box }) => {
    const image = whole(bitmap);
    return ready().explain(image, image.pixels(), minFacePx, box);
  },
  beginVideo: async (settings) => {
    video?.close();
    video = new VideoAnalysis(ready().networks, settings);
    return null;
  },
  videoFrame: async ({ bitmap: image, ...given }): Promise<FrameResult[]> =>
    begun().add(await clipFrame({ image, ...given })),
  endVideo: async () => begun().end(),
};

function ready(): Engine {
  if (engine === null) throw new Error("the networks are not loaded yet");
  return engine;
}

function begun(): VideoAnalysis {
  if (video === null) throw new Error("no video was begun");
  return video;
}

function send(answer: Answer, moved: Transferable[] = []): void {
  self.postMessage(answer, { transfer: moved });
}

/** One question after the other: they share canvases, tracks and networks. */
let before: Promise<void> = Promise.resolve();

function inTurn(work: () => Promise<void>): Promise<void> {
  const turn = before.then(work);
  before = turn.catch(() => {});
  return turn;
}

/** Downloads, which take long on a slow line: other questions are answered meanwhile. */
const BESIDE: (keyof Calls)[] = ["complete", "loadUnits"];

self.onmessage = ({ data: question }: MessageEvent<Question>) => {
  if (BESIDE.includes(question.name)) void answer(question);
  else void inTurn(() => answer(question));
};

async function answer({ id, name, ask }: Question): Promise<void> {
  try {
    const found = await (answers[name] as (ask: unknown) => Promise<unknown>)(ask);
    send({ id, answer: found }, portraits(found));
  } catch (error) {
    const fault = error instanceof LoadError ? { fault: error.fault } : {};
    send({ id, error: error instanceof Error ? error.message : String(error), ...fault });
  } finally {
    if (ask !== null && "bitmap" in ask) ask.bitmap.close();
  }
}

/** The images in an answer, which go to the page without a copy. */
function portraits(found: unknown): Transferable[] {
  const results = (Array.isArray(found) ? found : [found]) as (Partial<FrameResult> | null)[];
  return results.flatMap((result) => result?.portraits?.map(({ image }) => image) ?? []);
}
