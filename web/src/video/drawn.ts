/** Writes a video anew with its boxes and labels drawn in; its sound stays as it is. */
import { signal } from "@preact/signals";

import { download } from "../app/save";
import { Superseded } from "../app/scope";
import type { Session } from "../app/session";
import type { Contract } from "../engine/contract";
import { drawResult } from "../units/drawn";
import { type Said, words } from "../words";
import { inputOf } from "./decoding";
import { FilePieces } from "./pieces";

/** How far the copy of a session's video is, or why there is none. */
export interface Writing {
  session: Session;
  /** 0 to 1; null once it is over. */
  share: number | null;
  fault: Said | null;
}

export const writing = signal<Writing | null>(null);

/** The text's height as a share of the image's, and in pixels at least. */
const TEXT_SHARE = 1 / 28;
const LEAST_TEXT_PX = 12;

/**
 * Write the copy and offer it to the visitor, while `signal` lasts; `first_s` is when the session's
 * first frame is on the file's own clock.
 */
export async function saveDrawnVideo(
  file: File,
  session: Session,
  first_s: number,
  contract: Contract,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const tell = (share: number | null, fault: Said | null = null) => {
    if (!signal.aborted) writing.value = { session, share, fault };
  };
  tell(0);
  // Nobody looks at the note any more; the session, whose rows are large, may go.
  signal.addEventListener("abort", () => {
    if (writing.value?.session === session) writing.value = null;
  });
  try {
    const made = await drawn(file, session, first_s, contract, signal, tell);
    signal.throwIfAborted();
    if (made === null) {
      tell(null, () => words().save.noVideo);
      return;
    }
    download([made.content], made.type, `${name}${made.ending}`);
    tell(null);
  } catch (error) {
    if (signal.aborted) throw new Superseded();
    if (session.fault !== null) {
      tell(null, () => words().save.damagedVideo);
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    tell(null, () => `${words().save.noVideo} (${reason})`);
  }
}

interface Made {
  content: Blob;
  type: string;
  ending: string;
}

/** The copy; null if this browser cannot read or write such a video. */
async function drawn(
  file: File,
  session: Session,
  first_s: number,
  contract: Contract,
  signal: AbortSignal,
  tell: (share: number) => void,
): Promise<Made | null> {
  if (!("VideoEncoder" in globalThis)) return null;
  const [media, container] = await Promise.all([import("./muxing"), import("./container")]);
  const input = inputOf(container, file);
  try {
    const track = await input.getPrimaryVideoTrack();
    if (track === null || !(await track.canDecode())) return null;
    // H.264 takes even sizes alone.
    const width = even(await track.getDisplayWidth());
    const height = even(await track.getDisplayHeight());
    const quality = media.QUALITY_HIGH;
    const encodable = (codecs: ("avc" | "vp9" | "vp8")[]) =>
      media.getFirstEncodableVideoCodec(codecs, { width, height, quality });
    const avc = await encodable(["avc"]);
    const codec = avc ?? (await encodable(["vp9", "vp8"]));
    if (codec === null) return null;
    const format = avc === null ? new media.WebMOutputFormat() : new media.Mp4OutputFormat();
    const pieces = new FilePieces();
    const target = new media.StreamTarget(pieces.stream(), { chunked: true });
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const image = canvas.getContext("2d", { alpha: false })!;
    const text = Math.max(LEAST_TEXT_PX, height * TEXT_SHARE);
    const sound = await input.getPrimaryAudioTrack();
    const tracks = sound === null ? [track] : [track, sound];
    const begin_s = Math.max(0, await input.getFirstTimestamp(tracks));
    // Of the formats that show frames of times below 0, these are in the copy, too.
    const start_s = Math.min(first_s, begin_s);
    const conversion = await media.Conversion.init({
      input,
      output: new media.Output({ format, target }),
      tracks: "primary",
      trim: { start: start_s },
      video: {
        ...{ codec, quality, width, height, fit: "fill", forceTranscode: true },
        // Boxes are those of the upright image.
        allowTransformationMetadata: false,
        process: (frame) => {
          frame.draw(image, 0, 0, width, height);
          const found = session.at(frame.timestamp + start_s - first_s);
          if (found !== null && found.faces.length > 0) {
            const scale = width / found.width;
            drawResult(image, found, contract, { mirrored: false, scale, text });
          }
          return canvas;
        },
      },
      showWarnings: false,
    });
    if (!conversion.isValid) return null;
    // What is over before it is listened to is not heard of.
    signal.throwIfAborted();
    const stop = () => void conversion.cancel();
    signal.addEventListener("abort", stop, { once: true });
    conversion.onProgress = (share) => tell(share);
    await conversion.execute();
    signal.removeEventListener("abort", stop);
    const type = format.mimeType;
    return { content: pieces.file(type), type, ending: format.fileExtension };
  } finally {
    input.dispose();
  }
}

function even(length: number): number {
  return Math.max(2, length - (length % 2));
}
