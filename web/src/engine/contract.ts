import { checkContract } from "./check";

/** What the page is told about the models and rules: `models/contract.json`, written by Python. */

interface InputSpec {
  name: string;
  colour: "grey" | "rgb" | "bgr";
  height: number | null;
  width: number | null;
  multiple_of: number;
  mean: number[];
  std: number[];
}

export interface BaselineSpec {
  /** For each of the labels a row of centred log probabilities. */
  centres: number[][];
  /** The mean centred log probabilities of neutral faces. */
  neutral: number[];
}

interface ModelSpec {
  name: string;
  input: InputSpec;
  outputs: { name: string; labels: string | null }[];
  crop: { size: number; landmarks_xy: [number, number][] } | null;
  /** The labels of outputs that are the model's own. */
  label_sets: Record<string, string[]>;
  six: {
    weights: Record<string, number>;
    bias: number[];
    temperature: number;
    unsure_below: number;
    /** What a person's baseline is measured from; null if the model does not say. */
    baseline: BaselineSpec | null;
  } | null;
  detection: {
    layout: string;
    strides: number[];
    score_threshold: number;
    nms_iou: number;
    /** The largest face that the network sees, in pixels of its input. */
    max_face_px: number;
  } | null;
  figures: Record<string, number>;
}

export interface ModelFile {
  file: string;
  sha256: string;
  bytes: number;
  spec: ModelSpec;
}

export interface Contract {
  version: string;
  labels: string[];
  colours: Record<string, string>;
  /** Per label set its labels, and for each the place among the six, or null if it has none. */
  label_sets: Record<string, { labels: string[]; six: (number | null)[] }>;
  emotion: ModelFile;
  face: ModelFile;
  /** What reads expression units; it is fetched when a visitor asks for them. */
  units: ModelFile;
  unit_rules: {
    min_face_px: number;
    max_pose_deg: number;
    max_roll_deg: number;
    /** Faces that were found with such a score are upright; others are looked at in a view. */
    sure_score: number;
    view_face_px: number;
    view: { size: number; landmarks_xy: [number, number][] };
  };
  /** FACS' action units, and the expression units that show each one. */
  action_units: { label: string; units: string[]; match: "one-to-one" | "shared" | "derived" }[];
  samples: { file: string; title: string }[];
  smoothing: { time_constant_s: number; margin: number; forget_s: number; min_probability: number };
  /** How a person's baseline is estimated. */
  baseline: {
    prior: number;
    observation_s: number;
    max_step_s: number;
    neutral_weight: number;
    min_probability: number;
  };
  tracking: {
    max_gap_s: number;
    max_distance: number;
    max_scale_change: number;
    max_compared_s: number;
    velocity_weight: number;
  };
  /** When a frame begins a new scene, and when a face is another person's. */
  scenes: {
    min_scene_correlation: number;
    min_person_correlation: number;
    moved_correlation: number;
    columns: number;
    rows: number;
    samples: number;
    max_shift_across: number;
    max_shift_down: number;
    appearance_px: number;
    detail_px: number;
    min_contrast: number;
    margin: number;
    min_pixels_share: number;
  };
  /** When a track is a person: by any line of `enough`. */
  people: {
    enough: { score: number; detections: number; duration_s: number }[];
    min_share: number;
    min_share_searches: number;
  };
  /** After how long a track ends where detections are far apart, for tracker and smoother. */
  track_timeout: { min_intervals: number; newest_interval_weight: number };
  /** How a video is analysed: detections a second, and how many frames wait at most. */
  video: { detections_per_s: number; detection_interval_s: number; max_held_frames: number };
  /** What counts as an episode: a time in which a person shows one expression. */
  events: { min_duration_s: number; max_gap_s: number };
  detection: {
    min_face_px: number;
    network_face_px: number;
    max_input_px: number;
    tile_overlap_px: number;
    small_input_px: number;
    largest_face_share: number;
    live_face_px: number;
    live_side_px: number;
  };
  /** Lowest and highest value of each kind of number in a model's spec. */
  limits: Record<string, [low: number, high: number]>;
  unsure: {
    min_size_px: number;
    max_truncation: number;
    max_yaw_proxy: number;
    max_roll_deg: number;
    max_pitch_deg: number;
    min_brightness: number;
  };
}

/** Read the contract beside the page, and hold it to its rules. */
export async function readContract(base: string): Promise<Contract> {
  const answer = await fetch(new URL("models/contract.json", base));
  if (!answer.ok) {
    throw new Error(`models/contract.json: the host answered ${answer.status}`);
  }
  try {
    return checkContract(await answer.json());
  } catch (error) {
    throw new Error(`models/contract.json: ${error instanceof Error ? error.message : error}`);
  }
}
