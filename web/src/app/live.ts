import { computed, effect, signal } from "@preact/signals";

import type { FoundFaces, FrameResult } from "../engine/faces";
import { closePortraits } from "../engine/portraits";
import { unitsOn } from "../units/switch";
import { findFaces } from "./photos";
import { reasonOf } from "./reason";
import { Scope, Superseded, within } from "./scope";
import { Session } from "./session";
import { canFind, contract, engine, loaded, loading, route, trouble } from "./state";

export const mirror = signal(true);
export const smooth = signal(true);
/** Whether everybody's baseline is estimated and taken off. */
export const estimates = signal(false);
/** Whether the next frame with a face shows the visitor's neutral face. */
export const neutral = signal(false);
/** Whether the network says what a baseline is measured from. */
export const hasBaseline = computed(() => contract.value?.emotion.spec.six?.baseline != null);
export const paused = signal(false);
/** Whether the image stands still, since the visitor wants that or is on another page. */
export const halted = computed(() => paused.value || route.value !== "stage");
/** The request for a camera that the browser asks the visitor about. */
export const asking = signal<AbortSignal | null>(null);
export const cameras = signal<MediaDeviceInfo[]>([]);
export const cameraId = signal("");
/** Frames a second and milliseconds each, over about the last second. */
export const speed = signal({ fps: 0, ms: 0 });
/** The newest result, a few times a second; the overlay hears of every one. */
export const shown = signal<FrameResult | null>(null);
export const session = signal<Session | null>(null);
let sessionBefore: Session | null = null;
effect(() => {
  if (sessionBefore !== session.value) sessionBefore?.close();
  sessionBefore = session.value;
});
/** Frames that were not answered when a session ends belong to nobody. */
export const sessionScope = new Scope();

/** Ways in which a browser gives no camera. */
export type Refusal = "denied" | "missing" | "busy" | "insecure" | "failed";
/** Why there is no camera; said beside the button that asked for it. */
export const refusal = signal<Refusal | null>(null);
const REFUSALS: Record<string, Refusal> = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

const SHOWN_EVERY_MS = 120;
/** The next frame is fetched while the worker still looks at the one before. */
const MOST_IN_FLIGHT = 2;

/**
 * Analyses what a camera's video element shows while it is on the stage, always the newest frame;
 * one that stands still is left.
 */
export class LiveLoop {
  private inFlight = 0;
  private beginning = false;
  /** The bitmap before: a browser may finish a later one first. */
  private before: Promise<unknown> = Promise.resolve();
  /** The session that the times below belong to. */
  private current: Session | null = null;
  private clip = sessionScope.signal;
  private began_ms = 0;
  private newest_s = -1;
  private last_s = -1;
  private shown_ms = 0;
  private counted = { since_ms: performance.now(), frames: 0, spent_ms: 0 };

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly onStage: AbortSignal,
    private readonly onResult: (result: FrameResult) => void,
  ) {
    // A frame may be heard of before it can be read.
    video.addEventListener("canplay", () => void this.look(), { signal: onStage });
    this.wait();
  }

  /** Hear of every new frame of the video; the newest one is looked at when there is time. */
  private wait(): void {
    if (this.onStage.aborted) return;
    if ("requestVideoFrameCallback" in this.video) {
      this.video.requestVideoFrameCallback(() => this.hear());
    } else {
      const video = this.video as HTMLVideoElement;
      // A camera's clock goes on while its image stands still.
      requestAnimationFrame(() => (video.paused ? this.wait() : this.hear()));
    }
  }

  private hear(): void {
    if (this.onStage.aborted) return;
    this.note();
    this.wait();
    void this.look();
  }

  /** Note the time of a new frame; a session with the camera begins at 0. */
  private note(): void {
    const now = performance.now();
    if (this.current !== session.value) {
      this.current = session.value;
      this.clip = sessionScope.signal;
      this.began_ms = now;
      this.last_s = -1;
    }
    this.newest_s = (now - this.began_ms) / 1000;
  }

  private async look(): Promise<void> {
    if (this.clip.aborted || this.beginning || this.newest_s === this.last_s) return;
    if (this.inFlight >= MOST_IN_FLIGHT || this.video.readyState < 2) return;
    this.inFlight++;
    try {
      // Networks loaded anew know nobody.
      if (!loading.value.ready) await this.beginAnew();
      else await this.analyse(this.clip, this.newest_s);
    } catch (error) {
      // That the networks are gone is said, with what to do, where they are loaded.
      const said = error instanceof Superseded || loading.value.error !== null;
      if (!said) trouble.value = () => reasonOf(error);
      return;
    } finally {
      this.inFlight--;
    }
    void this.look();
  }

  private async beginAnew(): Promise<void> {
    this.beginning = true;
    try {
      await newSession(this.current!.name, this.onStage);
    } finally {
      this.beginning = false;
    }
    this.note();
  }

  /** Analyse the newest frame, unless its session ends on the way. */
  private async analyse(clip: AbortSignal, time: number): Promise<void> {
    const started = performance.now();
    this.last_s = time;
    const copied = this.inTurn(createImageBitmap(this.video));
    const bitmap = await within(clip, copied, (late) => late.close());
    const minFacePx = contract.value!.detection.min_face_px;
    const options = {
      minFacePx,
      smooth: smooth.value,
      estimates: estimates.value,
      neutral: neutral.value,
      units: unitsOn.value,
    };
    const asked = engine.frame(bitmap, time, options);
    const result = await within(clip, asked, (late) => closePortraits([late]));
    if (options.neutral && result.faces.length > 0) neutral.value = false;
    this.take(result, performance.now() - started);
  }

  /** Wait for a bitmap, but not before the one that was asked for earlier. */
  private inTurn(bitmap: Promise<ImageBitmap>): Promise<ImageBitmap> {
    const turn = Promise.all([bitmap, this.before]).then(([made]) => made);
    this.before = turn.catch(() => undefined);
    return turn;
  }

  private take(result: FrameResult, spent_ms: number): void {
    session.value?.add(result);
    const now = performance.now();
    const counted = this.counted;
    counted.frames++;
    counted.spent_ms += spent_ms;
    // Of an image that stands still, the last result has to be shown.
    if (now - this.shown_ms > SHOWN_EVERY_MS || this.video.paused) {
      shown.value = result;
      this.shown_ms = now;
    }
    this.onResult(result);
    if (now - counted.since_ms > 1000) {
      const fps = (1000 * counted.frames) / (now - counted.since_ms);
      speed.value = { fps, ms: counted.spent_ms / counted.frames };
      this.counted = { since_ms: now, frames: 0, spent_ms: 0 };
    }
  }
}

/** Begin a new session of a name, about what is on the stage. */
export async function newSession(name: string, onStage: AbortSignal): Promise<void> {
  const signal = sessionScope.begin(onStage);
  shown.value = null;
  neutral.value = false;
  await within(signal, loaded());
  session.value = new Session(contract.value!, name);
  // A worker that broke is told where it is loaded; its successor knows nobody.
  await within(
    signal,
    engine.reset().catch(() => null),
  );
}

/**
 * Ask for a camera; on refusal say why and what to do, and return null.
 *
 * When `signal` ends before the answer comes, the camera is released and nothing is said.
 */
export async function openCamera(signal: AbortSignal): Promise<MediaStream | null> {
  if (navigator.mediaDevices === undefined) {
    refusal.value = "insecure";
    return null;
  }
  asking.value = signal;
  refusal.value = null;
  try {
    const video: MediaTrackConstraints = {
      width: { ideal: 640 },
      height: { ideal: 480 },
      frameRate: { ideal: 30 },
      ...(cameraId.value === "" ? { facingMode: "user" } : { deviceId: { exact: cameraId.value } }),
    };
    const request = navigator.mediaDevices.getUserMedia({ video, audio: false });
    const stream = await within(signal, request, release);
    const devices = await within(signal, navigator.mediaDevices.enumerateDevices()).catch(
      (error: unknown) => {
        release(stream);
        throw error;
      },
    );
    cameras.value = devices.filter((device) => device.kind === "videoinput");
    cameraId.value = stream.getVideoTracks()[0]?.getSettings().deviceId ?? "";
    trouble.value = null;
    return stream;
  } catch (error) {
    if (error instanceof Superseded) throw error;
    const name = error instanceof DOMException ? error.name : "";
    refusal.value = REFUSALS[name] ?? "failed";
    return null;
  } finally {
    if (asking.value === signal) asking.value = null;
  }
}

/** Switch a camera off. */
export function release(stream: MediaStream | null): void {
  stream?.getTracks().forEach((track) => {
    track.stop();
  });
}

/** Resolves when the video shows a frame that can be read. */
export function nextFrame(video: HTMLVideoElement): Promise<void> {
  return new Promise((resolve) => {
    const look = () => (video.readyState < 2 ? wait() : resolve());
    const wait = () => {
      if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(look);
      else requestAnimationFrame(look);
    };
    wait();
  });
}

/** Until the networks are ready, `found` hears where faces are in what a camera's video shows. */
export async function findUntilReady(
  video: HTMLVideoElement,
  signal: AbortSignal,
  found: (faces: FoundFaces) => void,
): Promise<void> {
  await within(signal, canFind());
  while (!loading.value.ready) {
    await within(signal, nextFrame(video));
    await findFaces(signal, createImageBitmap(video), found);
  }
}
