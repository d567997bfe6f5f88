/** Analyses a video file in the background, every frame; its results stay, whatever is played. */
import { signal } from "@preact/signals";
import { session, sessionScope, shown } from "../app/live";
import { reasonOf } from "../app/reason";
import { Superseded, within } from "../app/scope";
import { BIN_S, Session } from "../app/session";
import { contract, engine, loaded, loading, trouble } from "../app/state";
import type { FrameResult } from "../engine/faces";
import { closePortraits } from "../engine/portraits";
import { unitsKnown } from "../units/switch";
import type { Said } from "../words";
import { openDecoded, type Reader, type ReadFrame } from "./decoding";
import { openPlayed } from "./playing";

/** How far the analysis of the video on the stage is. */
export interface Progress {
  /** Of the whole video; null if its length is not known. */
  share: number | null;
  frames: number;
  /** Frames that the browser did not give. */
  skipped: number;
  isDone: boolean;
  fault: Said | null;
  /** The time of the first frame on the video's own clock. */
  first_s: number;
  /** In seconds; grows where the file does not say it. */
  length_s: number;
}

export const progress = signal<Progress | null>(null);

export interface VideoChoices {
  smooth: boolean;
  estimates: boolean;
  /** Whether expression units are read, if they can be had. */
  units: boolean;
}

/** The next frames are decoded while the worker still looks at the ones before. */
const MOST_IN_FLIGHT = 3;
const TOLD_EVERY_MS = 150;
/** A timeline has at most so many points. */
const POINTS = 800;

/** Analyse a video from its beginning, as long as it is on the stage and nothing else is begun. */
export async function analyseVideo(
  file: File,
  onStage: AbortSignal,
  choices: VideoChoices,
): Promise<void> {
  const wanted = sessionScope.begin(onStage);
  for (;;) {
    progress.value = null;
    shown.value = null;
    session.value = null;
    await within(wanted, loaded());
    const units = choices.units && (await within(wanted, unitsKnown()));
    try {
      await attempt(file, wanted, { ...choices, units });
      return;
    } catch (error) {
      if (error instanceof Superseded) throw error;
      // That the networks are gone is said where they are loaded; then it begins anew.
      if (!loading.value.ready) continue;
      trouble.value = () => `${file.name}: ${reasonOf(error)}`;
      return;
    }
  }
}

async function attempt(file: File, wanted: AbortSignal, choices: VideoChoices): Promise<void> {
  const close = (late: Reader) => late.close();
  const decoded = await within(wanted, openDecoded(file), (late) => late?.close());
  const reader = decoded ?? (await within(wanted, openPlayed(file), close));
  try {
    await read(file, reader, wanted, choices);
  } finally {
    reader.close();
  }
}

async function read(
  file: File,
  reader: Reader,
  wanted: AbortSignal,
  choices: VideoChoices,
): Promise<void> {
  const known = contract.value!;
  const bin_s = reader.duration_s > 0 ? reader.duration_s / POINTS : BIN_S;
  const found = new Session(known, file.name, bin_s, true);
  session.value = found;
  const { frames_per_second } = reader;
  const minFacePx = known.detection.min_face_px;
  await within(wanted, engine.beginVideo({ frames_per_second, minFacePx, ...choices }));
  const telling = new Telling(reader, found);
  const asked: Promise<FrameResult[]>[] = [];
  const take = async (most: number) => {
    while (asked.length > most) {
      const results = await within(wanted, asked.shift()!, closePortraits);
      for (const result of results) found.add(result);
      telling.tell();
    }
  };
  let number = 0;
  const frames = reader.frames();
  try {
    for (;;) {
      const next = await within(wanted, frames.next(), discarded);
      if (next.done) break;
      const { image: bitmap, ...frame } = next.value;
      asked.push(engine.videoFrame({ bitmap, number: number++, ...frame }));
      await take(MOST_IN_FLIGHT - 1);
    }
    await take(0);
    const last = await within(wanted, engine.endVideo(), closePortraits);
    for (const result of last) found.add(result);
  } finally {
    for (const each of asked) each.then(closePortraits).catch(() => {});
    void frames.return(undefined).catch(() => {});
  }
  found.fault = reader.fault;
  found.end();
  telling.end();
}

function discarded(next: IteratorResult<ReadFrame>): void {
  if (!next.done) next.value.image.close();
}

/** Tells how far the analysis is, now and then. */
class Telling {
  private told_ms = 0;

  constructor(
    private readonly reader: Reader,
    private readonly found: Session,
  ) {
    this.say(false);
  }

  tell(): void {
    if (performance.now() - this.told_ms > TOLD_EVERY_MS) this.say(false);
  }

  end(): void {
    this.say(true);
  }

  private say(isDone: boolean): void {
    const { reader, found } = this;
    this.told_ms = performance.now();
    const read_s = found.length_s;
    const length_s = isDone ? Math.max(read_s, reader.duration_s) : reader.duration_s || read_s;
    progress.value = {
      share: reader.duration_s > 0 ? Math.min(1, read_s / reader.duration_s) : null,
      frames: found.frames,
      skipped: reader.skipped,
      isDone,
      fault: isDone ? reader.fault : null,
      first_s: reader.first_s,
      length_s,
    };
  }
}
