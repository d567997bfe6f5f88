import type { Contract } from "./contract";
import type { Explanation, LiveOptions } from "./engine";
import type { Box, FoundFaces, FrameResult } from "./faces";
import { type Fault, LoadError } from "./fault";
import type { Answer, Calls, Question, SentFrame } from "./protocol";
import type { VideoSettings } from "./video";

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** The engine as the page sees it: everything happens in a worker. */
export class EngineClient {
  private worker = this.start();
  /** Whether the worker was not asked anything yet. */
  private fresh = true;
  private failure: Error | null = null;
  private readonly waiting = new Map<number, Waiting>();
  private next = 0;
  /** Hears of the share of what is loaded that came, 0 to 1. */
  onLoaded: (share: number) => void = () => {};
  /** Hears of the share of the network of units that came, 0 to 1. */
  onUnitsLoaded: (share: number) => void = () => {};
  /** Hears that the worker broke: nothing is answered until the networks are loaded anew. */
  onFailed: (error: Error) => void = () => {};

  /**
   * Fetch what finds faces, from the second time on in a new worker; returns the number of threads.
   * What says expressions is fetched afterwards.
   */
  load(contract: Contract, base: string): Promise<number> {
    if (!this.fresh) {
      this.worker.terminate();
      this.rejectAll(new Error("the networks are loaded anew"));
      this.worker = this.start();
      this.failure = null;
    }
    this.fresh = false;
    return this.ask("load", { contract, base, threads: threads() });
  }

  /** Resolves when the emotion network is loaded, too. */
  complete(): Promise<null> {
    return this.ask("complete", null);
  }

  /** Find the faces of an image, as soon as `load` is done. */
  faces(bitmap: ImageBitmap, minFacePx: number): Promise<FoundFaces> {
    return this.ask("faces", { bitmap, minFacePx }, bitmap);
  }

  /** Begin a new clip. */
  reset(): Promise<null> {
    return this.ask("reset", null);
  }

  /** Fetch the network of expression units, which can be asked for afterwards; returns its address. */
  loadUnits(base: string): Promise<string> {
    return this.ask("loadUnits", { base });
  }

  image(bitmap: ImageBitmap, minFacePx: number, units: boolean): Promise<FrameResult> {
    return this.ask("image", { bitmap, minFacePx, units }, bitmap);
  }

  frame(bitmap: ImageBitmap, timestamp_s: number, options: LiveOptions): Promise<FrameResult> {
    return this.ask("frame", { bitmap, timestamp_s, options }, bitmap);
  }

  /** Look at one frame for itself; the largest face comes with a crop of so many pixels. */
  glance(bitmap: ImageBitmap, minFacePx: number, cropPx: number): Promise<FrameResult> {
    return this.ask("glance", { bitmap, minFacePx, cropPx }, bitmap);
  }

  /** Explain the answer to the face at a box, or to the largest one; null if there is none. */
  explain(bitmap: ImageBitmap, minFacePx: number, box: Box | null): Promise<Explanation | null> {
    return this.ask("explain", { bitmap, minFacePx, box }, bitmap);
  }

  /** Begin with the first frame of a video; the one before is given up. */
  beginVideo(settings: VideoSettings): Promise<null> {
    return this.ask("beginVideo", settings);
  }

  /** Take the next frame of the video; gives the results that are ready, in order. */
  videoFrame(frame: SentFrame): Promise<FrameResult[]> {
    return this.ask("videoFrame", frame, frame.bitmap);
  }

  /** The results of the frames that are left. */
  endVideo(): Promise<FrameResult[]> {
    return this.ask("endVideo", null);
  }

  private ask<Name extends keyof Calls>(
    name: Name,
    ask: Calls[Name]["ask"],
    ...moved: Transferable[]
  ): Promise<Calls[Name]["answer"]> {
    const id = this.next++;
    const question = { id, name, ask } as Question;
    return new Promise((resolve, reject) => {
      if (this.failure !== null) throw this.failure;
      this.waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject });
      this.worker.postMessage(question, moved);
    });
  }

  private start(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
    // What a worker said before it was replaced may come afterwards.
    worker.onmessage = (event: MessageEvent<Answer>) => {
      if (worker === this.worker) this.receive(event.data);
    };
    worker.onerror = (event) => {
      if (worker === this.worker) this.fail(workerError(event.message));
    };
    return worker;
  }

  private fail(error: Error): void {
    this.failure = error;
    this.rejectAll(error);
    this.onFailed(error);
  }

  private rejectAll(error: Error): void {
    this.waiting.forEach((each) => {
      each.reject(error);
    });
    this.waiting.clear();
  }

  private receive(message: Answer): void {
    if ("share" in message) {
      this.onLoaded(message.share);
      return;
    }
    if ("shareOfUnits" in message) {
      this.onUnitsLoaded(message.shareOfUnits);
      return;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if ("error" in message) waiting?.reject(rebuilt(message));
    else waiting?.resolve(message.answer);
  }
}

/** What a worker that broke said; where its own file did not come, it says nothing. */
function workerError(message: string | undefined): Error {
  return message ? new Error(message) : new LoadError({ kind: "stopped" });
}

function rebuilt({ error, fault }: { error: string; fault?: Fault }): Error {
  return fault === undefined ? new Error(error) : new LoadError(fault);
}

/** More threads need a page that is isolated from others (see docs/hosting.md). */
function threads(): number {
  if (!globalThis.crossOriginIsolated) return 1;
  return Math.max(1, Math.min(4, Math.floor((navigator.hardwareConcurrency || 2) / 2)));
}
