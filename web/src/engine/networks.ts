import { posed, shownUnits, type UnitNetwork, type UnitReading } from "../units/network";
import { checked } from "../units/upright";
import { corrected } from "./baseline";
import type { Contract } from "./contract";
import { batchOf, cropFace, type Region, similarity } from "./crop";
import { type FaceDetector, type Run, roundHalfEven } from "./detector";
import type { DetectedFace, FacePrediction } from "./faces";
import type { Pixels } from "./pixels";
import { faceQuality, unsureReason } from "./quality";
import { type Combination, combine } from "./six";
import { largest, type Shown } from "./smoother";

/** What the emotion network says of crops, one of each per crop. */
export interface Classified {
  crops: Float32Array[];
  probabilities: Combination[];
  /** How the network describes an expression; null if it does not give that. */
  embeddings: (Float32Array | null)[];
}

/** Both networks: where faces are in a frame, and what they show. */
export class Networks {
  /** What reads expression units; null until it was asked for. */
  units: UnitNetwork | null = null;

  constructor(
    readonly contract: Contract,
    readonly detector: FaceDetector,
    private readonly emotion: Run,
  ) {}

  /** Find the faces of a frame in a scaled copy of it, in the frame's pixels, largest first. */
  async detectScaled(
    frame: { width: number; height: number },
    small: Pixels,
    minFacePx: number,
  ): Promise<DetectedFace[]> {
    const scale = small.height / frame.height;
    const minimum = Math.max(1, roundHalfEven(minFacePx * scale));
    const x = frame.width / small.width;
    const y = frame.height / small.height;
    return (await this.detector.detect(small, minimum)).map((face) => ({
      box: [face.box[0] * x, face.box[1] * y, face.box[2] * x, face.box[3] * y],
      landmarks: face.landmarks.map(([px, py]) => [px * x, py * y]),
      score: face.score,
    }));
  }

  /** The share to which a frame is scaled before faces are looked for. */
  scale(width: number, height: number, minFacePx: number): number {
    const { live_face_px, live_side_px } = this.contract.detection;
    const shorter = Math.min(width, height);
    return Math.min(1, Math.max(live_face_px / minFacePx, Math.min(1, live_side_px / shorter)));
  }

  /** Run the emotion network once, as `FaceDetector.tryIt` runs the other one. */
  async tryEmotion(): Promise<void> {
    const { file, spec } = this.contract.emotion;
    const size = spec.crop!.size;
    const count = 2 * size * size;
    const outputs = await this.emotion(new Float32Array(count), [2, 1, size, size]);
    for (const { name, labels } of spec.outputs) {
      const channels = labels === null ? 1 : this.contract.label_sets[labels]!.labels.length;
      const found = outputs[name]!.length / 2 / channels;
      if (name in spec.six!.weights ? found === 1 : Number.isInteger(found) && found > 0) continue;
      throw new Error(
        `${file}: output '${name}': expected ${channels} numbers for each of 2 faces, found ` +
          `${outputs[name]!.length}`,
      );
    }
    combine(this.contract, outputs, 0);
  }

  /** Cut faces out of a frame and classify them, all in one run. */
  async classify(frame: Region, faces: DetectedFace[]): Promise<Classified> {
    const crops = faces.map((face) => this.crop(frame, face));
    return this.classifyCrops(crops);
  }

  /** Cut one face out of a frame. */
  crop(frame: Region, face: DetectedFace): Float32Array {
    const { landmarks_xy, size } = this.contract.emotion.spec.crop!;
    return cropFace(frame, similarity(face.landmarks, landmarks_xy, size), size);
  }

  /** Classify crops, all in one run. */
  async classifyCrops(crops: Float32Array[]): Promise<Classified> {
    const { crop, input } = this.contract.emotion.spec;
    const size = crop!.size;
    if (crops.length === 0) return { crops, probabilities: [], embeddings: [] };
    const outputs = await this.emotion(batchOf(crops, input), [crops.length, 1, size, size]);
    const probabilities = crops.map((_, number) => combine(this.contract, outputs, number));
    const length = (outputs.embedding?.length ?? 0) / crops.length;
    const embeddings = crops.map(
      (_, number) => outputs.embedding?.slice(number * length, (number + 1) * length) ?? null,
    );
    return { crops, probabilities, embeddings };
  }

  /** Read what the parts of faces do, one reading per face; null for each if that is not wanted. */
  async readUnits(
    isWanted: boolean,
    frame: Region,
    faces: DetectedFace[],
    crops: Float32Array[],
  ): Promise<(UnitReading | null)[]> {
    if (!isWanted) return faces.map(() => null);
    if (this.units === null) throw new Error("the network of units is not loaded yet");
    const readings = await this.units.read(frame, faces, crops);
    const detect = (image: Pixels, minFacePx: number) => this.detector.detect(image, minFacePx);
    return checked(readings, frame, faces, this.contract.unit_rules, detect);
  }

  /** A face's record; `reading` is what was read of its units, null if nothing was. */
  predict(
    frame: Region,
    number: number,
    face: DetectedFace,
    crop: Float32Array,
    probabilities: number[],
    reading: UnitReading | null = null,
  ): FacePrediction {
    const size = this.contract.emotion.spec.crop!.size;
    const quality = faceQuality(face, crop, size, frame.width, frame.height, posed(reading));
    const prediction: FacePrediction = {
      found: "detected",
      face: number,
      track: null,
      box_xyxy: face.box,
      landmarks_xy: face.landmarks,
      detection_score: face.score,
      label: 0,
      confidence: 0,
      unsure: false,
      reason: null,
      probabilities,
      uncorrected: null,
      quality,
      ...(reading === null ? {} : { units: shownUnits(reading) }),
    };
    return this.relabelled(prediction, largest(probabilities));
  }

  /** What is shown without smoothing. */
  unsmoothed(raw: number[], offset: number[] | null): Shown {
    const { min_probability } = this.contract.baseline;
    const probabilities = offset === null ? raw : corrected(raw, offset, min_probability);
    const uncorrected = offset === null ? null : raw;
    return { probabilities, label: largest(probabilities), uncorrected };
  }

  /** A record that shows a label. */
  relabelled(prediction: FacePrediction, label: number): FacePrediction {
    const confidence = prediction.probabilities[label]!;
    const unsure = confidence < this.contract.emotion.spec.six!.unsure_below;
    const { quality, units } = prediction;
    const reason = unsure ? unsureReason(quality, this.contract.unsure, units) : null;
    return { ...prediction, label, confidence, unsure, reason };
  }
}
