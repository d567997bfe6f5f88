/** The values that travel between the engine's parts; units and order as in Python. */

/** Left, top, right, bottom in pixels. */
export type Box = [number, number, number, number];

/** The person's right eye, left eye, nose, right and left mouth corner. */
export type Landmarks = [number, number][];

export interface DetectedFace {
  box: Box;
  landmarks: Landmarks;
  score: number;
}

export interface Quality {
  size_px: number;
  sharpness: number;
  brightness: number;
  yaw_proxy: number;
  roll_deg: number;
  truncation: number;
}

/** How a head is turned, in degrees; the signs are those of `mien.units.HeadPose`. */
export interface HeadPose {
  yaw_deg: number;
  pitch_deg: number;
  roll_deg: number;
}

/** Why a face has no expression units. */
export type UnitsMissing = "small" | "turned away" | "rotated";

/** The expression units of a face in the order of their network; null where they are missing. */
export interface FaceUnits {
  values: number[] | null;
  pose: HeadPose | null;
  missing: UnitsMissing | null;
}

export type Reason = "small" | "cut off" | "turned away" | "tilted" | "dark" | "ambiguous";

/** One row of the result contract, with the landmarks and the reason that rows leave out. */
export interface FacePrediction {
  face: number;
  track: number | null;
  box_xyxy: Box;
  landmarks_xy: Landmarks;
  detection_score: number;
  /** Whether it was detected in this frame, or followed from the frames around it. */
  found: "detected" | "followed";
  /** Place among the six labels. */
  label: number;
  confidence: number;
  unsure: boolean;
  reason: Reason | null;
  probabilities: number[];
  /** The probabilities before the person's baseline was taken off; null if none was. */
  uncorrected: number[] | null;
  /** How the network describes the expression, where that is kept. */
  embedding?: Float32Array | null;
  /** What the parts of the face do; only if that was asked for. */
  units?: FaceUnits;
  quality: Quality;
}

/** What was found in one frame or image. */
export interface FrameResult {
  width: number;
  height: number;
  timestamp_s: number | null;
  /** Its number in a video. */
  frame?: number;
  faces: FacePrediction[];
  /** Crops of people who are new here, or are seen better than before. */
  portraits?: Portrait[];
}

/** What a person looks like, for the lists of people. */
export interface Portrait {
  person: number;
  image: ImageBitmap;
}

/** Where faces are in an image, before it is known what they show. */
export interface FoundFaces {
  width: number;
  height: number;
  boxes: Box[];
}
