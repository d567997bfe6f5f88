/** What is said about a video that could not be read whole. */
import { fill, type Said, words } from "../words";

/** A video is cut off if more is missing than all of these, as in Python. */
const MISSING = { least_s: 0.25, share: 0.03, frames: 2.5 };

/** What a reader knows of a video when no frames follow, in seconds since its first frame. */
export interface Ending {
  /** As the file says; 0 if it does not. */
  duration_s: number;
  /** Where the last frame ends. */
  end_s: number;
  /** The longest time from one frame to the next. */
  longest_s: number;
}

/** Say where a video ends that should be longer; null if it does not. */
export function cutOff({ duration_s, end_s, longest_s }: Ending): Said | null {
  const { least_s, share, frames } = MISSING;
  const missing_s = duration_s - end_s;
  if (missing_s <= Math.max(least_s, share * duration_s, frames * longest_s)) return null;
  const values = { end: end_s.toFixed(1), length: duration_s.toFixed(1) };
  return () => fill(words().video.cutOff, values);
}

/** Say that frames after so many cannot be decoded. */
export function damaged(frames: number): Said {
  return () => fill(words().video.damaged, { frames });
}
