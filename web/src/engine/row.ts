/** Result rows and their columns, written by `python docs/columns.py`. */

/** One face of one frame, as in Python's JSON. */
export interface FaceRow {
  /** The path or address as it was given; user, password and keys in it are hidden. */
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
  /** Expression units by the names of ARKit's coefficients, only if they were asked for; null where there are none. */
  units?: Record<string, number> | null;
  /** FACS' action units that follow from them, by the same rule. */
  action_units?: Record<string, number> | null;
  /** How the head is turned, by the same rule. */
  pose?: { yaw_deg: number; pitch_deg: number; roll_deg: number } | null;
  /** Why there are no units: the face has a side below 24 px, is turned away by more than 60 degrees, or is rotated far from upright in the image; none where there are. */
  units_missing?: string | null;
}

/** What could not be read. */
export interface ErrorRow {
  /** The path or address as it was given; user, password and keys in it are hidden. */
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

/** Those of expression units, behind the others. */
export const UNIT_COLUMNS: typeof COLUMNS = [
  ["unit_browDownLeft", ["units", "browDownLeft"]],
  ["unit_browDownRight", ["units", "browDownRight"]],
  ["unit_browInnerUp", ["units", "browInnerUp"]],
  ["unit_browOuterUpLeft", ["units", "browOuterUpLeft"]],
  ["unit_browOuterUpRight", ["units", "browOuterUpRight"]],
  ["unit_cheekPuff", ["units", "cheekPuff"]],
  ["unit_cheekSquintLeft", ["units", "cheekSquintLeft"]],
  ["unit_cheekSquintRight", ["units", "cheekSquintRight"]],
  ["unit_eyeBlinkLeft", ["units", "eyeBlinkLeft"]],
  ["unit_eyeBlinkRight", ["units", "eyeBlinkRight"]],
  ["unit_eyeLookDownLeft", ["units", "eyeLookDownLeft"]],
  ["unit_eyeLookDownRight", ["units", "eyeLookDownRight"]],
  ["unit_eyeLookInLeft", ["units", "eyeLookInLeft"]],
  ["unit_eyeLookInRight", ["units", "eyeLookInRight"]],
  ["unit_eyeLookOutLeft", ["units", "eyeLookOutLeft"]],
  ["unit_eyeLookOutRight", ["units", "eyeLookOutRight"]],
  ["unit_eyeLookUpLeft", ["units", "eyeLookUpLeft"]],
  ["unit_eyeLookUpRight", ["units", "eyeLookUpRight"]],
  ["unit_eyeSquintLeft", ["units", "eyeSquintLeft"]],
  ["unit_eyeSquintRight", ["units", "eyeSquintRight"]],
  ["unit_eyeWideLeft", ["units", "eyeWideLeft"]],
  ["unit_eyeWideRight", ["units", "eyeWideRight"]],
  ["unit_jawForward", ["units", "jawForward"]],
  ["unit_jawLeft", ["units", "jawLeft"]],
  ["unit_jawOpen", ["units", "jawOpen"]],
  ["unit_jawRight", ["units", "jawRight"]],
  ["unit_mouthClose", ["units", "mouthClose"]],
  ["unit_mouthDimpleLeft", ["units", "mouthDimpleLeft"]],
  ["unit_mouthDimpleRight", ["units", "mouthDimpleRight"]],
  ["unit_mouthFrownLeft", ["units", "mouthFrownLeft"]],
  ["unit_mouthFrownRight", ["units", "mouthFrownRight"]],
  ["unit_mouthFunnel", ["units", "mouthFunnel"]],
  ["unit_mouthLeft", ["units", "mouthLeft"]],
  ["unit_mouthLowerDownLeft", ["units", "mouthLowerDownLeft"]],
  ["unit_mouthLowerDownRight", ["units", "mouthLowerDownRight"]],
  ["unit_mouthPressLeft", ["units", "mouthPressLeft"]],
  ["unit_mouthPressRight", ["units", "mouthPressRight"]],
  ["unit_mouthPucker", ["units", "mouthPucker"]],
  ["unit_mouthRight", ["units", "mouthRight"]],
  ["unit_mouthRollLower", ["units", "mouthRollLower"]],
  ["unit_mouthRollUpper", ["units", "mouthRollUpper"]],
  ["unit_mouthShrugLower", ["units", "mouthShrugLower"]],
  ["unit_mouthShrugUpper", ["units", "mouthShrugUpper"]],
  ["unit_mouthSmileLeft", ["units", "mouthSmileLeft"]],
  ["unit_mouthSmileRight", ["units", "mouthSmileRight"]],
  ["unit_mouthStretchLeft", ["units", "mouthStretchLeft"]],
  ["unit_mouthStretchRight", ["units", "mouthStretchRight"]],
  ["unit_mouthUpperUpLeft", ["units", "mouthUpperUpLeft"]],
  ["unit_mouthUpperUpRight", ["units", "mouthUpperUpRight"]],
  ["unit_noseSneerLeft", ["units", "noseSneerLeft"]],
  ["unit_noseSneerRight", ["units", "noseSneerRight"]],
  ["au_1", ["action_units", "AU1"]],
  ["au_2", ["action_units", "AU2"]],
  ["au_4", ["action_units", "AU4"]],
  ["au_5", ["action_units", "AU5"]],
  ["au_7", ["action_units", "AU7"]],
  ["au_10", ["action_units", "AU10"]],
  ["au_12", ["action_units", "AU12"]],
  ["au_14", ["action_units", "AU14"]],
  ["au_15", ["action_units", "AU15"]],
  ["au_17", ["action_units", "AU17"]],
  ["au_18", ["action_units", "AU18"]],
  ["au_20", ["action_units", "AU20"]],
  ["au_23", ["action_units", "AU23"]],
  ["au_24", ["action_units", "AU24"]],
  ["au_25", ["action_units", "AU25"]],
  ["au_26", ["action_units", "AU26"]],
  ["au_27", ["action_units", "AU27"]],
  ["au_43", ["action_units", "AU43"]],
  ["au_45", ["action_units", "AU45"]],
  ["pose_yaw_deg", ["pose", "yaw_deg"]],
  ["pose_pitch_deg", ["pose", "pitch_deg"]],
  ["pose_roll_deg", ["pose", "roll_deg"]],
  ["units_missing", ["units_missing"]],
];
