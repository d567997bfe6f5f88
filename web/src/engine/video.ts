/**
 * Analysis of a video, the same rule as in Python (`mien.inference.video`, compared by
 * `tests/web/test_video_parity.py`): faces are detected in some frames and interpolated between
 * them, and a frame waits as long as it is open whether one of its faces is a person's.
 */

import { shownUnits, smoothedUnits, type UnitReading } from "../units/network";
import { Baselines } from "./baseline";
import type { Region } from "./crop";
import { roundHalfEven } from "./detector";
import type { DetectedFace, FaceUnits, FrameResult } from "./faces";
import { HeldFrames } from "./held";
import type { Networks } from "./networks";
import { People } from "./people";
import type { Pixels } from "./pixels";
import { Portraits } from "./portraits";
import { appearance, FaceChanges, SceneCuts } from "./scenes";
import { type Shown, Smoother } from "./smoother";
import { SamplingInterval } from "./timeout";
import { Tracker } from "./tracker";

/** A frame whose pixels last until it is closed. */
export interface ClipFrame extends Region {
  number: number;
  timestamp_s: number;
  /** A scaled copy for the detector. */
  scaled(width: number, height: number): Pixels;
  /** The frame, to be drawn. */
  drawable(): CanvasImageSource;
  close(): void;
}

export interface VideoSettings {
  /** Frames a second on average; 0 if unknown. */
  frames_per_second: number;
  minFacePx: number;
  smooth: boolean;
  /** Whether everybody's baseline is estimated and taken off. */
  estimates: boolean;
  /** Whether expression units are read. */
  units: boolean;
}

/** Of a video that does not say how many frames a second it has. */
const USUAL_RATE = 25;

interface Detection {
  timestamp_s: number;
  faces: DetectedFace[];
  tracks: number[];
}

interface TrackedFrame {
  frame: ClipFrame;
  faces: DetectedFace[];
  tracks: number[];
  /** The crops of the faces where they were detected; null if they were followed. */
  crops: Float32Array[] | null;
}

/** One video from its first frame to its last. */
export class VideoAnalysis {
  /** Frames from one detection to the next, at most. */
  private readonly every: number;
  private readonly interval: SamplingInterval;
  /** Seconds from one detection to the next, which timeouts follow from. */
  private interval_s = 0;
  private readonly cuts: SceneCuts;
  private readonly changes: FaceChanges;
  private readonly tracker: Tracker;
  private readonly people: People;
  private readonly held: HeldFrames;
  private readonly smoother: Smoother;
  private readonly baselines: Baselines | null;
  private readonly portraits = new Portraits();
  private waiting: ClipFrame[] = [];
  private before: Detection | null = null;

  constructor(
    private readonly networks: Networks,
    private readonly settings: VideoSettings,
  ) {
    const { scenes, tracking, track_timeout, people, smoothing, video, baseline, emotion } =
      networks.contract;
    const rate = settings.frames_per_second || USUAL_RATE;
    this.every = Math.max(1, roundHalfEven(rate / video.detections_per_s));
    // Where faces are detected in every frame, the frames' times say it all.
    this.interval = new SamplingInterval(this.every > 1 ? this.every / rate : 0);
    this.cuts = new SceneCuts(scenes);
    this.changes = new FaceChanges(scenes);
    this.tracker = new Tracker(tracking, track_timeout, scenes);
    this.people = new People(people);
    this.held = new HeldFrames(this.people, video.max_held_frames);
    this.smoother = new Smoother(smoothing, track_timeout);
    const spec = emotion.spec.six!.baseline;
    this.baselines =
      spec === null || !settings.estimates
        ? null
        : new Baselines(spec, baseline, tracking.max_gap_s, track_timeout);
  }

  /** Take the next frame, which is closed when it is done with; gives the results that are ready. */
  async add(frame: ClipFrame): Promise<FrameResult[]> {
    const isCut = this.cuts.isCut(frame);
    const results: FrameResult[] = [];
    if (this.isDue(frame)) results.push(...(await this.window(false)));
    const changes = this.changes.change(frame);
    if ((isCut || changes) && this.waiting.length > 0) results.push(...(await this.window(false)));
    this.waiting.push(frame);
    const first = this.before === null;
    if (first || isCut || changes || this.waiting.length >= this.every) {
      results.push(...(await this.window(isCut)));
    }
    return results;
  }

  /** The results of all frames that are left. */
  async end(): Promise<FrameResult[]> {
    const results = this.waiting.length > 0 ? await this.window(false) : [];
    this.people.end(this.before?.timestamp_s ?? 0);
    this.tracker.cut();
    return [...results, ...this.held.release(this.tracker.numbers)];
  }

  /** Let go of what waits. */
  close(): void {
    for (const frame of this.waiting.splice(0)) frame.close();
    this.held.close();
  }

  /** Whether the last frame that waits is the nearest to when faces have to be detected again. */
  private isDue(following: ClipFrame): boolean {
    const last = this.waiting.at(-1);
    if (last === undefined || this.before === null) return false;
    const middle_s = (last.timestamp_s + following.timestamp_s) / 2;
    const { detection_interval_s } = this.networks.contract.video;
    return middle_s - this.before.timestamp_s > detection_interval_s;
  }

  /** Detect faces in the last frame that waits, and analyse all that do. */
  private async window(isCut: boolean): Promise<FrameResult[]> {
    const frames = this.waiting.splice(0);
    try {
      return await this.analyse(frames, isCut);
    } finally {
      for (const frame of frames) frame.close();
    }
  }

  private async analyse(frames: ClipFrame[], isCut: boolean): Promise<FrameResult[]> {
    const last = frames.at(-1)!;
    const { timestamp_s } = last;
    const faces = await this.detect(last);
    this.changes.know(
      last,
      faces.map((face) => face.box),
    );
    const crops = faces.map((face) => this.networks.crop(last, face));
    const { scenes, emotion } = this.networks.contract;
    if (isCut) this.tracker.cut();
    this.tracker.resize(last.width, last.height);
    this.interval_s = this.interval.update(timestamp_s);
    const tracks = this.tracker.update(
      faces.map((face) => face.box),
      crops.map((crop) => appearance(crop, emotion.spec.crop!.size, scenes)),
      timestamp_s,
      this.interval_s,
    );
    this.people.observe(
      tracks,
      faces.map((face) => face.score),
      timestamp_s,
    );
    const end: TrackedFrame = { frame: last, faces, tracks, crops };
    const between = this.interpolated(frames.slice(0, -1), end);
    this.before = { timestamp_s, faces, tracks };
    for (const result of await this.classified([...between, end])) this.held.add(result);
    this.smoother.forgetBefore(timestamp_s, this.interval_s);
    this.baselines?.forgetBefore(timestamp_s, this.interval_s);
    return this.held.release(this.tracker.numbers);
  }

  private async detect(frame: ClipFrame): Promise<DetectedFace[]> {
    const { minFacePx } = this.settings;
    const scale = this.networks.scale(frame.width, frame.height, minFacePx);
    const [width, height] = [frame.width, frame.height].map((side) =>
      Math.max(1, roundHalfEven(side * scale)),
    ) as [number, number];
    return this.networks.detectScaled(frame, frame.scaled(width, height), minFacePx);
  }

  /**
   * The faces of the frames between two detections. A track in both moves in a straight line; one
   * that is only in the first stays until the middle, and one only in the second starts there.
   */
  private interpolated(frames: ClipFrame[], end: TrackedFrame): TrackedFrame[] {
    const { before } = this;
    if (before === null) return [];
    const span_s = end.frame.timestamp_s - before.timestamp_s;
    return frames.map((frame) => {
      const share = span_s > 0 ? (frame.timestamp_s - before.timestamp_s) / span_s : 0.5;
      const found: TrackedFrame = { frame, faces: [], tracks: [], crops: null };
      const put = (face: DetectedFace, track: number) => {
        found.faces.push(face);
        found.tracks.push(track);
      };
      before.tracks.forEach((track, place) => {
        const later = end.tracks.indexOf(track);
        const face = before.faces[place]!;
        if (later >= 0) put(blended(face, end.faces[later]!, share), track);
        else if (share < 0.5) put(face, track);
      });
      end.tracks.forEach((track, place) => {
        if (!before.tracks.includes(track) && share >= 0.5) put(end.faces[place]!, track);
      });
      return found;
    });
  }

  /** Classify the faces of several frames in one run of the network, and smooth the results. */
  private async classified(frames: TrackedFrame[]): Promise<FrameResult[]> {
    const sorted = frames.map((each) => bySize(each));
    const crops = sorted.map(
      ({ frame, faces, crops: known }) =>
        known ?? faces.map((face) => this.networks.crop(frame, face)),
    );
    const { probabilities } = await this.networks.classifyCrops(crops.flat());
    const readings: (UnitReading | null)[][] = [];
    for (const [number, { frame, faces }] of sorted.entries()) {
      const { units } = this.settings;
      readings.push(await this.networks.readUnits(units, frame, faces, crops[number]!));
    }
    let place = 0;
    return sorted.map((tracked, number) => {
      const { frame, faces, tracks } = tracked;
      const found = tracked.crops === null ? "followed" : "detected";
      const predictions = faces.map((face, own) => {
        const track = tracks[own]!;
        const raw = probabilities[place++]!.calibrated;
        const shown = this.shown(track, raw, frame.timestamp_s);
        const crop = crops[number]![own]!;
        const reading = readings[number]![own]!;
        const given = this.networks.predict(frame, own, face, crop, shown.probabilities, reading);
        if (reading !== null) given.units = this.unitsOf(track, reading, frame.timestamp_s);
        const { uncorrected } = shown;
        return this.networks.relabelled({ ...given, track, uncorrected, found }, shown.label);
      });
      if (found === "detected") {
        for (const face of predictions) {
          const portrait = this.portraits.of(face, () => frame.drawable());
          if (portrait !== null) this.held.keep(portrait);
        }
      }
      const { width, height, timestamp_s } = frame;
      return { width, height, timestamp_s, frame: frame.number, faces: predictions };
    });
  }

  private shown(track: number, raw: number[], timestamp_s: number): Shown {
    const offset = this.baselines?.update(track, raw, timestamp_s, true) ?? null;
    return this.settings.smooth
      ? this.smoother.update(track, raw, timestamp_s, this.interval_s, offset)
      : this.networks.unsmoothed(raw, offset);
  }

  private unitsOf(track: number, reading: UnitReading, timestamp_s: number): FaceUnits {
    const { smoother, interval_s } = this;
    if (!this.settings.smooth) return shownUnits(reading);
    return shownUnits(smoothedUnits(smoother, track, reading, timestamp_s, interval_s));
  }
}

/** The face between two faces; share 0 gives the first one. */
function blended(a: DetectedFace, b: DetectedFace, share: number): DetectedFace {
  const between = (first: number, second: number) => (1 - share) * first + share * second;
  return {
    box: a.box.map((side, place) => between(side, b.box[place]!)) as DetectedFace["box"],
    landmarks: a.landmarks.map(([x, y], place) => {
      const [bx, by] = b.landmarks[place]!;
      return [between(x, bx), between(y, by)];
    }),
    score: between(a.score, b.score),
  };
}

/** The faces of a frame, largest first. */
function bySize({ frame, faces, tracks, crops }: TrackedFrame): TrackedFrame {
  const size = ({ box }: DetectedFace) => Math.min(box[2] - box[0], box[3] - box[1]);
  const order = [...faces.keys()].sort((a, b) => size(faces[b]!) - size(faces[a]!));
  return {
    frame,
    faces: order.map((place) => faces[place]!),
    tracks: order.map((place) => tracks[place]!),
    crops: crops && order.map((place) => crops[place]!),
  };
}
