/**
 * Reads every frame of a video, as fast as it is asked for. The browser decodes; what opens the
 * container is a library of its own that is fetched with the first video.
 */

import type { Said } from "../words";
import type * as Media from "./container";
import { cutOff, damaged } from "./damage";

/** A frame, which whoever takes it has to close. */
export interface ReadFrame {
  image: VideoFrame | ImageBitmap;
  timestamp_s: number;
  /** By how much it has to be turned clockwise to be upright. */
  rotation: 0 | 90 | 180 | 270;
  /** The matrix of its colours, if the file names it. */
  matrix?: string;
  /** Whether colours belong to the left one of two pixels, not to the middle between them. */
  sitedLeft?: boolean;
}

/** A video that is open for reading. */
export interface Reader {
  /** On average; 0 if unknown. */
  frames_per_second: number;
  /** As the file says; 0 if it does not. */
  duration_s: number;
  /** The time of the first frame on the file's own clock. */
  first_s: number;
  /** Frames that the browser did not give, as far as is known. */
  skipped: number;
  /** What is damaged or missing, once everything was read. */
  fault: Said | null;
  frames(): AsyncGenerator<ReadFrame>;
  close(): void;
}

/** Of a longer video the frames a second are those of its beginning. */
const MOST_COUNTED = 20_000;
/** Codecs that place colours at the left one of two pixels, unless they say otherwise. */
const SITED_LEFT = ["avc", "hevc"];

/** Open a video whose frames the browser can decode one by one; null if it cannot. */
export async function openDecoded(file: File): Promise<Reader | null> {
  if (!("VideoDecoder" in globalThis)) return null;
  const media = await import("./container");
  const input = inputOf(media, file);
  try {
    const track = await input.getPrimaryVideoTrack();
    if (track !== null && (await track.canDecode())) return await reader(media, input, track);
  } catch {
    // Another way of reading may do.
  }
  input.dispose();
  return null;
}

/** Whether a video's images are HEVC; false where the container cannot be read. */
export async function isHevc(file: File): Promise<boolean> {
  const media = await import("./container");
  const input = inputOf(media, file);
  try {
    const track = await input.getPrimaryVideoTrack();
    return track !== null && (await track.getCodec()) === "hevc";
  } catch {
    return false;
  } finally {
    input.dispose();
  }
}

/** A video file as the library reads it. */
export function inputOf(media: typeof Media, file: File): Media.Input {
  return new media.Input({
    source: new media.BlobSource(file),
    formats: [media.MP4, media.QTFF, media.MATROSKA, media.WEBM, media.MPEG_TS],
  });
}

async function reader(
  media: typeof Media,
  input: Media.Input,
  track: Media.InputVideoTrack,
): Promise<Reader> {
  const packets = new media.EncodedPacketSink(track);
  const begin_s = await beginning_s(media, input);
  const counted = await count(packets, begin_s);
  const first_s = counted.first_s;
  const declared_s = (await track.getDurationFromMetadata()) ?? 0;
  const rotation = await track.getRotation();
  const colours = {
    matrix: (await track.getColorSpace()).matrix ?? undefined,
    sitedLeft: SITED_LEFT.includes((await track.getCodec()) ?? ""),
  };
  const sink = new media.VideoSampleSink(track);
  const made: Reader = {
    frames_per_second: counted.frames_per_second,
    duration_s: Math.max(0, declared_s - first_s),
    first_s,
    skipped: 0,
    fault: null,
    close: () => input.dispose(),
    async *frames() {
      let frames = 0;
      let [last_s, longest_s] = [Number.NEGATIVE_INFINITY, 0];
      let from_s: number | undefined;
      for (;;) {
        try {
          for await (const sample of sink.samples(from_s)) {
            const { timestamp: time_s } = sample;
            if (time_s < begin_s || (time_s <= last_s && frames > 0)) {
              sample.close();
              continue;
            }
            if (frames++ > 0) longest_s = Math.max(longest_s, time_s - last_s);
            last_s = time_s;
            const image = sample.toVideoFrame();
            sample.close();
            const timestamp_s = Math.max(0, time_s - first_s);
            yield { image, timestamp_s, rotation, ...colours };
          }
          break;
        } catch {
          made.fault ??= damaged(frames);
          const after_s = Math.max(last_s, from_s ?? last_s);
          const next_s = await nextKey_s(packets, after_s);
          if (next_s === null) break;
          from_s = next_s;
        }
      }
      const frame_s = 1 / (made.frames_per_second || 25);
      const end_s = frames > 0 ? last_s + frame_s - first_s : 0;
      longest_s = Math.max(longest_s, frame_s);
      made.fault ??= cutOff({ duration_s: made.duration_s, end_s, longest_s });
    },
  };
  return made;
}

/**
 * The time before which frames are not shown. Where a video was cut without coding it anew, the
 * frames from the key frame to the cut are still in an MP4 or QuickTime file, with times below 0.
 */
async function beginning_s(media: typeof Media, input: Media.Input): Promise<number> {
  const format = await input.getFormat();
  return format === media.MP4 || format === media.QTFF ? 0 : Number.NEGATIVE_INFINITY;
}

/** The time of the first frame that is shown, and how many frames a second follow. */
async function count(
  packets: Media.EncodedPacketSink,
  begin_s: number,
): Promise<{ first_s: number; frames_per_second: number }> {
  let counted = 0;
  let [first_s, last_s] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  try {
    for await (const packet of packets.packets(undefined, undefined, { metadataOnly: true })) {
      if (packet.timestamp < begin_s) continue;
      first_s = Math.min(first_s, packet.timestamp);
      last_s = Math.max(last_s, packet.timestamp);
      if (++counted === MOST_COUNTED) break;
    }
  } catch {
    // Where it is damaged is told when the frames are read.
  }
  if (counted === 0) throw new Error("no frames");
  const rate = last_s > first_s ? (counted - 1) / (last_s - first_s) : 0;
  // A clock of milliseconds gives 19.999 or 20.001 for 20.
  const frames_per_second = Math.round(100 * rate) / 100;
  return { first_s, frames_per_second };
}

/** The time of the next frame after a time that needs none before it; null if there is none. */
async function nextKey_s(packets: Media.EncodedPacketSink, time_s: number): Promise<number | null> {
  try {
    let key = await packets.getKeyPacket(Math.max(time_s, 0));
    key ??= await packets.getFirstKeyPacket();
    while (key !== null && key.timestamp <= time_s) key = await packets.getNextKeyPacket(key);
    return key?.timestamp ?? null;
  } catch {
    return null;
  }
}
