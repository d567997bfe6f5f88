import { signal } from "@preact/signals";

/** Where the video on the stage stands, in seconds since its first frame. */
export const playhead_s = signal(0);

/** The video on the stage, if there is one. */
export const player = signal<HTMLVideoElement | null>(null);

/** Show another moment of the video on the stage. */
export function seekTo(time_s: number, first_s: number): void {
  if (player.value !== null) player.value.currentTime = Math.max(0, time_s + first_s);
}

/** Hear of the time of every frame that a video shows, until `signal` ends. */
export function followFrames(
  video: HTMLVideoElement,
  signal: AbortSignal,
  shows: (media_s: number) => void,
): void {
  video.addEventListener("seeked", () => shows(video.currentTime), { signal });
  const next = (media_s: number) => {
    if (signal.aborted) return;
    shows(media_s);
    wait();
  };
  const wait = () => {
    if ("requestVideoFrameCallback" in video) {
      video.requestVideoFrameCallback((_, frame) => next(frame.mediaTime));
    } else {
      const plain = video as HTMLVideoElement;
      requestAnimationFrame(() => next(plain.currentTime));
    }
  };
  wait();
}
