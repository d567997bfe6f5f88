import { shownUnits, smoothedUnits } from "../units/network";
import { Baselines } from "./baseline";
import type { Contract } from "./contract";
import { type Region, type Similarity, similarity } from "./crop";
import { bestAt } from "./decoder";
import type { Box, DetectedFace, FacePrediction, FrameResult } from "./faces";
import type { Networks } from "./networks";
import { explainParts, type Part } from "./occlusion";
import { People } from "./people";
import type { Pixels } from "./pixels";
import { Portraits, portrait } from "./portraits";
import { appearance, regionOf, SceneCuts } from "./scenes";
import type { Combination } from "./six";
import { Smoother } from "./smoother";
import { DetectionInterval } from "./timeout";
import { Tracker } from "./tracker";

/** Every step from frame to answer for one face, for the page that shows them. */
export interface Explanation {
  face: FacePrediction;
  /** Frame pixels to crop pixels. */
  map: Similarity;
  size: number;
  crop: Float32Array;
  /** What the answer is while each part of the face is covered; what matters most comes first. */
  parts: Part[];
  combination: Combination;
  /** How long finding the face took, in milliseconds. */
  detect_ms: number;
}

/** A region that can be drawn as well. */
type DrawableRegion = Region & { image: CanvasImageSource };

export interface LiveOptions {
  minFacePx: number;
  smooth: boolean;
  /** Whether everybody's baseline is estimated and taken off. */
  estimates: boolean;
  /** Whether the largest face of this frame is the person's neutral face. */
  neutral: boolean;
  /** Whether expression units are read. */
  units: boolean;
}

/** Both networks and all rules around them; runs in a worker. */
export class Engine {
  private cuts!: SceneCuts;
  private tracker!: Tracker;
  private people!: People;
  private smoother!: Smoother;
  /** Null if the network does not say what a baseline is measured from. */
  private baselines!: Baselines | null;
  private interval!: DetectionInterval;
  private portraits!: Portraits;

  constructor(
    readonly contract: Contract,
    readonly networks: Networks,
  ) {
    this.reset();
  }

  /** Begin a new clip: nobody is known any more. */
  reset(): void {
    const { tracking, people, scenes, smoothing, track_timeout, baseline } = this.contract;
    const spec = this.contract.emotion.spec.six!.baseline;
    this.cuts = new SceneCuts(scenes);
    this.tracker = new Tracker(tracking, track_timeout, scenes);
    this.people = new People(people);
    this.smoother = new Smoother(smoothing, track_timeout);
    this.baselines =
      spec === null ? null : new Baselines(spec, baseline, tracking.max_gap_s, track_timeout);
    this.interval = new DetectionInterval(track_timeout);
    this.portraits = new Portraits();
  }

  /** Analyse one image at full care. */
  async image(
    frame: DrawableRegion,
    pixels: Pixels,
    minFacePx: number,
    units: boolean,
  ): Promise<FrameResult> {
    return this.single(frame, await this.networks.detector.detect(pixels, minFacePx), { units });
  }

  /** Analyse the next frame of a camera or video; `small` is a scaled copy for the detector. */
  async frame(
    frame: DrawableRegion,
    small: Pixels,
    timestamp_s: number,
    options: LiveOptions,
  ): Promise<FrameResult> {
    const { networks } = this;
    const faces = await networks.detectScaled(frame, small, options.minFacePx);
    const { probabilities, crops, embeddings } = await networks.classify(frame, faces);
    const readings = await networks.readUnits(options.units, frame, faces, crops);
    const { scenes, emotion } = this.contract;
    if (this.cuts.isCut(regionOf(small))) this.tracker.cut();
    this.tracker.resize(frame.width, frame.height);
    const interval_s = this.interval.update(timestamp_s);
    const tracks = this.tracker.update(
      faces.map((face) => face.box),
      crops.map((crop) => appearance(crop, emotion.spec.crop!.size, scenes)),
      timestamp_s,
      interval_s,
    );
    const { people } = this;
    people.observe(
      tracks,
      faces.map((face) => face.score),
      timestamp_s,
    );
    const places = [...faces.keys()].filter((place) =>
      people.isPerson(tracks[place]!, timestamp_s),
    );
    const predictions = places.map((place, number) => {
      const raw = probabilities[place]!.calibrated;
      const track = people.number(tracks[place]!);
      const offset = this.baselines?.update(track, raw, timestamp_s, options.estimates) ?? null;
      const {
        probabilities: shares,
        label,
        uncorrected,
      } = options.smooth
        ? this.smoother.update(track, raw, timestamp_s, interval_s, offset)
        : networks.unsmoothed(raw, offset);
      if (options.neutral && number === 0) {
        this.baselines?.setNeutral(track, uncorrected ?? shares, timestamp_s);
      }
      const [face, crop, reading] = [faces[place]!, crops[place]!, readings[place]!];
      const given = networks.predict(frame, number, face, crop, shares, reading);
      if (reading !== null && options.smooth) {
        const smoothed = smoothedUnits(this.smoother, track, reading, timestamp_s, interval_s);
        given.units = shownUnits(smoothed);
      }
      const embedding = embeddings[place]!;
      return networks.relabelled({ ...given, track, uncorrected, embedding }, label);
    });
    people.forgetAllBut(this.tracker.numbers);
    this.smoother.forgetBefore(timestamp_s, interval_s);
    this.baselines?.forgetBefore(timestamp_s, interval_s);
    const portraits = predictions.flatMap(
      (face) => this.portraits.of(face, () => frame.image) ?? [],
    );
    return {
      width: frame.width,
      height: frame.height,
      timestamp_s,
      faces: predictions,
      portraits,
    };
  }

  /** Look at one frame for itself: nobody is followed. The largest face comes with its crop. */
  async glance(
    frame: DrawableRegion,
    small: Pixels,
    minFacePx: number,
    cropPx: number,
  ): Promise<FrameResult> {
    const faces = await this.networks.detectScaled(frame, small, minFacePx);
    return this.single(frame, faces.slice(0, 1), { units: false, cropPx });
  }

  /** What faces of a frame show that is looked at for itself; each comes with its crop. */
  private async single(
    frame: DrawableRegion,
    faces: DetectedFace[],
    { units, cropPx }: { units: boolean; cropPx?: number },
  ): Promise<FrameResult> {
    const { networks } = this;
    const { crops, probabilities, embeddings } = await networks.classify(frame, faces);
    const readings = await networks.readUnits(units, frame, faces, crops);
    return {
      width: frame.width,
      height: frame.height,
      timestamp_s: null,
      faces: faces.map((face, number) => {
        const [crop, reading] = [crops[number]!, readings[number]!];
        const { calibrated } = probabilities[number]!;
        const prediction = networks.predict(frame, number, face, crop, calibrated, reading);
        return { ...prediction, embedding: embeddings[number]! };
      }),
      portraits: faces.map((face, person) => ({
        person,
        image: portrait(frame.image, face.box, cropPx),
      })),
    };
  }

  /**
   * Analyse an image and keep every step of the face that lies at a box, or of the largest one; null
   * if there is none.
   */
  async explain(
    frame: Region,
    pixels: Pixels,
    minFacePx: number,
    box: Box | null,
  ): Promise<Explanation | null> {
    const started = performance.now();
    const { networks } = this;
    const faces = await networks.detector.detect(pixels, minFacePx);
    const detect_ms = performance.now() - started;
    const face = box === null ? faces[0] : bestAt(box, faces);
    if (face === undefined) return null;
    const { probabilities, crops } = await networks.classify(frame, [face]);
    const combination = probabilities[0]!;
    const prediction = networks.predict(frame, 0, face, crops[0]!, combination.calibrated);
    const { spec } = this.contract.emotion;
    const classify = async (covered: Float32Array[]) =>
      (await networks.classifyCrops(covered)).probabilities.map(({ calibrated }) => calibrated);
    return {
      face: prediction,
      map: similarity(face.landmarks, spec.crop!.landmarks_xy, spec.crop!.size),
      size: spec.crop!.size,
      crop: crops[0]!,
      parts: await explainParts(spec.crop!, crops[0]!, prediction, classify),
      combination,
      detect_ms,
    };
  }
}
