import type { Contract } from "./contract";
import type { Explanation, LiveOptions } from "./engine";
import type { Box, FoundFaces, FrameResult } from "./faces";
import type { Fault } from "./fault";
import type { GivenFrame } from "./frames";
import type { VideoSettings } from "./video";

/** A frame of a video as it goes to the worker, which closes it. */
export type SentFrame = Omit<GivenFrame, "image"> & { bitmap: GivenFrame["image"] };

/** What the page asks its worker, by name: the question and the answer. */
export interface Calls {
  /** Makes it possible to find faces; what else there is comes meanwhile. */
  load: { ask: { contract: Contract; base: string; threads: number }; answer: number };
  /** Answered when expressions can be said. */
  complete: { ask: null; answer: null };
  faces: { ask: { bitmap: ImageBitmap; minFacePx: number }; answer: FoundFaces };
  reset: { ask: null; answer: null };
  /** The answer is where the file lies. */
  loadUnits: { ask: { base: string }; answer: string };
  image: {
    ask: { bitmap: ImageBitmap; minFacePx: number; units: boolean };
    answer: FrameResult;
  };
  frame: {
    ask: { bitmap: ImageBitmap; timestamp_s: number; options: LiveOptions };
    answer: FrameResult;
  };
  glance: {
    ask: { bitmap: ImageBitmap; minFacePx: number; cropPx: number };
    answer: FrameResult;
  };
  explain: {
    ask: { bitmap: ImageBitmap; minFacePx: number; box: Box | null };
    answer: Explanation | null;
  };
  beginVideo: { ask: VideoSettings; answer: null };
  videoFrame: { ask: SentFrame; answer: FrameResult[] };
  endVideo: { ask: null; answer: FrameResult[] };
}

export type Question = {
  [Name in keyof Calls]: { id: number; name: Name; ask: Calls[Name]["ask"] };
}[keyof Calls];

export type Answer =
  | { id: number; answer: unknown }
  | { id: number; error: string; fault?: Fault }
  | { share: number }
  | { shareOfUnits: number };
