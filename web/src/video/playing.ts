/**
 * Reads a video where the browser cannot decode it frame by frame: it is played out of sight and
 * stands still while a frame is analysed. A browser may leave frames out even so; these are counted.
 */

import { words } from "../words";
import { cutOff } from "./damage";
import type { Reader, ReadFrame } from "./decoding";

/** Without word of new frames, so many a second are looked at. */
const STEPS_PER_S = 25;

/** Open a video that the browser can play. */
export async function openPlayed(file: File): Promise<Reader> {
  const video = document.createElement("video");
  const address = URL.createObjectURL(file);
  video.muted = true;
  video.playsInline = true;
  video.preload = "auto";
  video.src = address;
  await heard(video, "loadeddata");
  const hears = "requestVideoFrameCallback" in video;
  const made: Reader = {
    frames_per_second: hears ? 0 : STEPS_PER_S,
    duration_s: Number.isFinite(video.duration) ? video.duration : 0,
    first_s: 0,
    skipped: 0,
    fault: null,
    frames: () => (hears ? played(video, made) : sought(video, made)),
    close() {
      video.removeAttribute("src");
      video.load();
      URL.revokeObjectURL(address);
    },
  };
  return made;
}

/** Frames as they are shown. */
async function* played(video: HTMLVideoElement, reader: Reader): AsyncGenerator<ReadFrame> {
  let [before, first_s, last_s, longest_s] = [0, -1, -1, 0];
  for (;;) {
    const frame = await nextShown(video);
    if (frame === "failed") reader.fault = () => words().video.stopped;
    if (frame === "ended" || frame === "failed") break;
    const { mediaTime: time_s, presentedFrames: shown } = frame;
    if (time_s <= last_s) continue;
    if (first_s < 0) {
      reader.first_s = first_s = time_s;
    } else {
      reader.skipped += Math.max(0, shown - before - 1);
      longest_s = Math.max(longest_s, time_s - last_s);
    }
    [before, last_s] = [shown, time_s];
    yield { image: await createImageBitmap(video), timestamp_s: time_s - first_s, rotation: 0 };
  }
  reader.fault ??= cutOff({
    duration_s: reader.duration_s,
    end_s: Math.max(0, last_s + longest_s),
    longest_s,
  });
}

/** Let a video go on until it shows another frame, or ends. */
function nextShown(
  video: HTMLVideoElement,
): Promise<VideoFrameCallbackMetadata | "ended" | "failed"> {
  return new Promise((resolve) => {
    if (video.ended) return resolve("ended");
    const listener = new AbortController();
    const once = (found: VideoFrameCallbackMetadata | "ended" | "failed") => {
      listener.abort();
      video.pause();
      resolve(found);
    };
    const { signal } = listener;
    const handle = video.requestVideoFrameCallback((_, frame) => once(frame));
    signal.addEventListener("abort", () => video.cancelVideoFrameCallback(handle));
    // The last frame may have been shown already.
    video.addEventListener("ended", () => setTimeout(() => once("ended")), { signal });
    video.addEventListener("error", () => once("failed"), { signal });
    video.play().catch(() => once("failed"));
  });
}

/** Frames at equal distances. */
async function* sought(video: HTMLVideoElement, reader: Reader): AsyncGenerator<ReadFrame> {
  for (let step = 0; step / STEPS_PER_S < reader.duration_s; step++) {
    video.currentTime = step / STEPS_PER_S;
    await heard(video, "seeked");
    const image = await createImageBitmap(video);
    yield { image, timestamp_s: step / STEPS_PER_S, rotation: 0 };
  }
}

function heard(video: HTMLVideoElement, event: "loadeddata" | "seeked"): Promise<void> {
  return new Promise((resolve, reject) => {
    video.addEventListener(event, () => resolve(), { once: true });
    video.addEventListener("error", () => reject(new Error(video.error?.message)), { once: true });
  });
}
