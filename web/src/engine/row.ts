/** Result rows and their columns, written by `python docs/columns.py`. */

/** One face of one frame, as in Python's JSON. */
export interface FaceRow {
  /** The path or address as it was given. */
  source: string;
  /** The frame's number in the source, from 0. */
  frame: number;
  /** Time from the start of the source; none for an image, in s. */
  timestamp_s: number | null;
  /** The face's number in the frame, largest first, from 0. */
  face: number;
  /** The person's track in a video, from 0, shown as person 1; none for an image. */
  track: number | null;
  /** In px. */
  box_xyxy: [box_left: number, box_top: number, box_right: number, box_bottom: number];
  /** The detector's score of the face. */
  detection_score: number;
  /** Whether the face was detected in this frame, or followed from the frames around it. */
  found: string;
  /** The expression that the face shows. */
  emotion: string;
  /** Its calibrated probability. */
  confidence: number;
  /** Whether the confidence is too low to rely on. */
  unsure: boolean;
  probabilities: {
    /** Probability of happy; the six sum to 1. */
    happy: number;
    /** Probability of neutral; the six sum to 1. */
    neutral: number;
    /** Probability of sad; the six sum to 1. */
    sad: number;
    /** Probability of angry; the six sum to 1. */
    angry: number;
    /** Probability of fear; the six sum to 1. */
    fear: number;
    /** Probability of surprise; the six sum to 1. */
    surprise: number;
  };
  uncorrected: {
    /** Probability of happy before the person's baseline was taken off; none without one. */
    happy: number | null;
    /** Probability of neutral before the person's baseline was taken off; none without one. */
    neutral: number | null;
    /** Probability of sad before the person's baseline was taken off; none without one. */
    sad: number | null;
    /** Probability of angry before the person's baseline was taken off; none without one. */
    angry: number | null;
    /** Probability of fear before the person's baseline was taken off; none without one. */
    fear: number | null;
    /** Probability of surprise before the person's baseline was taken off; none without one. */
    surprise: number | null;
  };
  quality: {
    /** Shorter side of the box, in px. */
    size_px: number;
    /** Sharpness of the face, low if blurred. */
    sharpness: number;
    /** Mean brightness, from black to white. */
    brightness: number;
    /** Turn of the head, from the landmarks or the pose: 0 frontal, -1 or 1 in profile. */
    yaw_proxy: number;
    /** Rotation in the image, clockwise, in deg. */
    roll_deg: number;
    /** Share of the box outside the frame. */
    truncation: number;
  };
}

/** What could not be read. */
export interface ErrorRow {
  /** The path or address as it was given. */
  source: string;
  /** The frame's number in the source, from 0. */
  frame: number;
  /** Time from the start of the source; none for an image, in s. */
  timestamp_s: number | null;
  /** Why the source could not be read. */
  error: string;
}

export type Row = FaceRow | ErrorRow;

/** The columns of CSV, each with where its value stands in a row. */
type Path = readonly (string | number)[];
export const COLUMNS: readonly (readonly [string, Path])[] = [
  ["source", ["source"]],
  ["frame", ["frame"]],
  ["timestamp_s", ["timestamp_s"]],
  ["face", ["face"]],
  ["track", ["track"]],
  ["box_left", ["box_xyxy", 0]],
  ["box_top", ["box_xyxy", 1]],
  ["box_right", ["box_xyxy", 2]],
  ["box_bottom", ["box_xyxy", 3]],
  ["detection_score", ["detection_score"]],
  ["found", ["found"]],
  ["emotion", ["emotion"]],
  ["confidence", ["confidence"]],
  ["unsure", ["unsure"]],
  ["p_happy", ["probabilities", "happy"]],
  ["p_neutral", ["probabilities", "neutral"]],
  ["p_sad", ["probabilities", "sad"]],
  ["p_angry", ["probabilities", "angry"]],
  ["p_fear", ["probabilities", "fear"]],
  ["p_surprise", ["probabilities", "surprise"]],
  ["p_happy_uncorrected", ["uncorrected", "happy"]],
  ["p_neutral_uncorrected", ["uncorrected", "neutral"]],
  ["p_sad_uncorrected", ["uncorrected", "sad"]],
  ["p_angry_uncorrected", ["uncorrected", "angry"]],
  ["p_fear_uncorrected", ["uncorrected", "fear"]],
  ["p_surprise_uncorrected", ["uncorrected", "surprise"]],
  ["size_px", ["quality", "size_px"]],
  ["sharpness", ["quality", "sharpness"]],
  ["brightness", ["quality", "brightness"]],
  ["yaw_proxy", ["quality", "yaw_proxy"]],
  ["roll_deg", ["quality", "roll_deg"]],
  ["truncation", ["quality", "truncation"]],
  ["error", ["error"]],
];
