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

interface ModelSpec {
  name: string;
  input: InputSpec;
  outputs: { name: string; labels: string | null }[];
  crop: { size: number; landmarks_xy: [number, number][] } | null;
  six: {
    weights: Record<string, number>;
    bias: number[];
    temperature: number;
    unsure_below: number;
  } | null;
  detection: { strides: number[]; score_threshold: number; nms_iou: number } | null;
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
  samples: { file: string; title: string }[];
  smoothing: { time_constant_s: number; margin: number; forget_s: number; least: number };
  tracking: {
    max_gap_s: number;
    farthest: number;
    largest_growth: number;
    velocity_share: number;
  };
  /** How long people are remembered where detections are far apart, for tracker and smoother. */
  remembering: { missed_detections: number; newest_interval_share: number };
  detection: {
    min_face_px: number;
    network_face_px: number;
    longest_side_px: number;
    tile_overlap_px: number;
    cheap_side_px: number;
    close_side_px: number;
    largest_face_px: number;
    live_face_px: number;
    live_side_px: number;
  };
  unsure: {
    small_px: number;
    cut: number;
    turned: number;
    tilted_deg: number;
    dark: number;
  };
}

/** Read the contract beside the page. */
export async function readContract(base: string): Promise<Contract> {
  const answer = await fetch(new URL("models/contract.json", base));
  if (!answer.ok) {
    throw new Error(`models/contract.json: the host answered ${answer.status}`);
  }
  return (await answer.json()) as Contract;
}
