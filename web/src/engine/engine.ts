import moduleAddress from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmAddress from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import * as ort from "onnxruntime-web/wasm";

import { modelAddress } from "./address";
import { Baselines, corrected } from "./baseline";
import type { Contract, ModelFile } from "./contract";
import { cropFace, type Region, type Similarity, similarity } from "./crop";
import type { Outputs } from "./decoder";
import { FaceDetector, roundHalfEven, runner } from "./detector";
import type { DetectedFace, FacePrediction, FrameResult } from "./faces";
import { People } from "./people";
import type { Pixels } from "./pixels";
import { faceQuality, unsureReason } from "./quality";
import { RUNTIME_BYTES } from "./runtime";
import { appearance, SceneCuts } from "./scenes";
import { type Combination, combine } from "./six";
import { largest, type Shown, Smoother } from "./smoother";
import { DetectionInterval } from "./timeout";
import { Tracker } from "./tracker";

/** Every step from frame to answer for one face, for the page that shows them. */
export interface Explanation {
  face: FacePrediction;
  /** Frame pixels to crop pixels. */
  map: Similarity;
  size: number;
  crop: Float32Array;
  /** Class activation map of the shown label's strongest source, rows of `side`. */
  activation: Float32Array;
  side: number;
  combination: Combination;
  /** How long finding the face took, in milliseconds. */
  detect_ms: number;
}

export interface LiveOptions {
  minFacePx: number;
  smooth: boolean;
  /** Whether everybody's baseline is estimated and taken off. */
  estimates: boolean;
  /** Whether the largest face of this frame is the person's neutral face. */
  neutral: boolean;
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

  private constructor(
    readonly contract: Contract,
    private readonly detector: FaceDetector,
    private readonly emotion: (values: Float32Array, dimensions: number[]) => Promise<Outputs>,
    readonly threads: number,
  ) {
    this.reset();
  }

  /** Fetch and open both networks and what runs them; `loaded` hears of bytes as they come. */
  static async load(
    contract: Contract,
    base: string,
    threads: number,
    loaded: (bytes: number) => void,
  ): Promise<Engine> {
    ort.env.wasm.wasmPaths = { wasm: wasmAddress, mjs: moduleAddress };
    ort.env.wasm.numThreads = threads;
    ort.env.logLevel = "error";
    const [runtime, ...files] = await Promise.all([
      download(wasmAddress, RUNTIME_BYTES, loaded),
      ...[contract.face, contract.emotion].map((model) => downloadModel(base, model, loaded)),
    ]);
    ort.env.wasm.wasmBinary = runtime;
    const options: ort.InferenceSession.SessionOptions = {
      executionProviders: ["wasm"],
      graphOptimizationLevel: "all",
    };
    const tensor = (values: Float32Array, dimensions: number[]) =>
      new ort.Tensor("float32", values, dimensions);
    const open = async (model: ModelFile, file: Uint8Array) =>
      runner(model, await opened(model, file, options), tensor);
    const face = await open(contract.face, files[0]!);
    const emotion = await open(contract.emotion, files[1]!);
    // It was compiled by now; its bytes are not needed any more.
    ort.env.wasm.wasmBinary = undefined;
    const engine = new Engine(contract, new FaceDetector(contract, face), emotion, threads);
    await engine.tryBoth();
    return engine;
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
  }

  /** Analyse one image at full care. */
  async image(frame: Region, minFacePx: number): Promise<FrameResult> {
    const pixels = frame.read(0, 0, frame.width, frame.height);
    const faces = await this.detector.detect(pixels, minFacePx);
    const { probabilities, crops } = await this.classify(frame, faces);
    return {
      width: frame.width,
      height: frame.height,
      timestamp_s: null,
      faces: faces.map((face, number) =>
        this.predict(frame, number, face, crops[number]!, probabilities[number]!.calibrated),
      ),
    };
  }

  /** Analyse the next frame of a camera or video; `small` is a scaled copy for the detector. */
  async frame(
    frame: Region,
    small: Pixels,
    timestamp_s: number,
    options: LiveOptions,
  ): Promise<FrameResult> {
    const scale = small.height / frame.height;
    const minimum = Math.max(1, roundHalfEven(options.minFacePx * scale));
    const x = frame.width / small.width;
    const y = frame.height / small.height;
    const faces = (await this.detector.detect(small, minimum)).map(
      (face): DetectedFace => ({
        box: [face.box[0] * x, face.box[1] * y, face.box[2] * x, face.box[3] * y],
        landmarks: face.landmarks.map(([px, py]) => [px * x, py * y]),
        score: face.score,
      }),
    );
    const { probabilities, crops } = await this.classify(frame, faces);
    const { scenes, emotion } = this.contract;
    if (this.cuts.isCut(small)) this.tracker.cut();
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
    const places = [...faces.keys()].filter((place) => people.isPerson(tracks[place]!));
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
        : this.unsmoothed(raw, offset);
      if (options.neutral && number === 0) {
        this.baselines?.setNeutral(track, uncorrected ?? shares, timestamp_s);
      }
      const given = this.predict(frame, number, faces[place]!, crops[place]!, shares);
      return this.relabelled({ ...given, track, uncorrected }, label);
    });
    people.forgetAllBut(this.tracker.numbers);
    this.smoother.forgetBefore(timestamp_s, interval_s);
    this.baselines?.forgetBefore(timestamp_s, interval_s);
    return {
      width: frame.width,
      height: frame.height,
      timestamp_s,
      faces: predictions,
    };
  }

  /** Analyse an image and keep every step of its largest face; null if there is none. */
  async explain(frame: Region, minFacePx: number): Promise<Explanation | null> {
    const started = performance.now();
    const pixels = frame.read(0, 0, frame.width, frame.height);
    const [face] = await this.detector.detect(pixels, minFacePx);
    const detect_ms = performance.now() - started;
    if (face === undefined) return null;
    const { probabilities, crops, outputs } = await this.classify(frame, [face]);
    const combination = probabilities[0]!;
    const prediction = this.predict(frame, 0, face, crops[0]!, combination.calibrated);
    const { spec } = this.contract.emotion;
    const output = spec.outputs.find((each) => each.name === "activation" && each.labels !== null);
    if (output === undefined) {
      throw new Error(`${this.contract.emotion.file}: has no output 'activation' with labels`);
    }
    const set = this.contract.label_sets[output.labels!]!;
    const place = set.six.indexOf(prediction.label);
    const side = Math.round(Math.sqrt(outputs.activation!.length / set.labels.length));
    return {
      face: prediction,
      map: similarity(face.landmarks, spec.crop!.landmarks_xy, spec.crop!.size),
      size: spec.crop!.size,
      crop: crops[0]!,
      activation: outputs.activation!.slice(place * side * side, (place + 1) * side * side),
      side,
      combination,
      detect_ms,
    };
  }

  /** The side to which a live frame is scaled before faces are looked for. */
  liveScale(width: number, height: number, minFacePx: number): number {
    const { live_face_px, live_side_px } = this.contract.detection;
    const shorter = Math.min(width, height);
    return Math.min(1, Math.max(live_face_px / minFacePx, Math.min(1, live_side_px / shorter)));
  }

  /** Run both networks once, on grey, so that what is wrong with them shows before any answer. */
  private async tryBoth(): Promise<void> {
    const side = this.contract.face.spec.input.multiple_of;
    const data = new Uint8ClampedArray(8 * side * side).fill(128);
    await this.detector.look({ data, width: 2 * side, height: side });
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

  private async classify(frame: Region, faces: DetectedFace[]) {
    const { crop, input } = this.contract.emotion.spec;
    const size = crop!.size;
    const crops = faces.map((face) =>
      cropFace(frame, similarity(face.landmarks, crop!.landmarks_xy, size), size),
    );
    if (faces.length === 0) return { crops, probabilities: [], outputs: {} as Outputs };
    const batch = new Float32Array(faces.length * size * size);
    crops.forEach((values, number) => {
      batch.set(values, number * size * size);
    });
    for (let place = 0; place < batch.length; place++) {
      batch[place] = (batch[place]! - input.mean[0]!) / input.std[0]!;
    }
    const outputs = await this.emotion(batch, [faces.length, 1, size, size]);
    const probabilities = faces.map((_, number) => combine(this.contract, outputs, number));
    return { crops, probabilities, outputs };
  }

  private predict(
    frame: Region,
    number: number,
    face: DetectedFace,
    crop: Float32Array,
    probabilities: number[],
  ): FacePrediction {
    const size = this.contract.emotion.spec.crop!.size;
    const quality = faceQuality(face, crop, size, frame.width, frame.height);
    const prediction: FacePrediction = {
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
    };
    return this.relabelled(prediction, largest(probabilities));
  }

  private unsmoothed(raw: number[], offset: number[] | null): Shown {
    const { min_probability } = this.contract.baseline;
    const probabilities = offset === null ? raw : corrected(raw, offset, min_probability);
    const uncorrected = offset === null ? null : raw;
    return { probabilities, label: largest(probabilities), uncorrected };
  }

  private relabelled(prediction: FacePrediction, label: number): FacePrediction {
    const confidence = prediction.probabilities[label]!;
    const unsure = confidence < this.contract.emotion.spec.six!.unsure_below;
    const reason = unsure ? unsureReason(prediction.quality, this.contract.unsure) : null;
    return { ...prediction, label, confidence, unsure, reason };
  }
}

/** Fetch a model's file; where the browser can, hold it to its hash. */
async function downloadModel(
  base: string,
  model: ModelFile,
  loaded: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const file = await download(modelAddress(base, model), model.bytes, loaded);
  if (globalThis.crypto?.subtle === undefined) return file; // on plain HTTP there is none
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== model.sha256) {
    throw new Error(`${model.file}: damaged, its hash is not that of models/contract.json`);
  }
  return file;
}

async function opened(
  model: ModelFile,
  file: Uint8Array,
  options: ort.InferenceSession.SessionOptions,
): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(file, options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${model.file}: not an ONNX file that can be run: ${reason}`);
  }
}

async function download(
  address: string,
  bytes: number,
  loaded: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const answer = await fetch(address);
  if (!answer.ok || answer.body === null) {
    throw new Error(`${address}: the host answered ${answer.status}`);
  }
  const file = new Uint8Array(bytes);
  let place = 0;
  const reader = answer.body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (place + value.length > bytes) throw new Error(`${address}: longer than ${bytes} bytes`);
    file.set(value, place);
    place += value.length;
    loaded(value.length);
  }
  if (place !== bytes) throw new Error(`${address}: cut off, ${place} of ${bytes} bytes came`);
  return file;
}
