import type { Contract } from "./contract";
import type { DetectedFace, FaceUnits, HeadPose, Quality, Reason } from "./faces";

/**
 * Measure what makes a face easy or hard to read; the same as `mien.detect.face_quality`. A pose that
 * a network read counts more than the landmarks' word for it.
 */
export function faceQuality(
  face: DetectedFace,
  crop: Float32Array,
  size: number,
  width: number,
  height: number,
  pose: HeadPose | null = null,
): Quality {
  const [left, top, right, bottom] = face.box;
  const area = Math.max((right - left) * (bottom - top), 1e-6);
  const insideX = Math.max(0, Math.min(right, width) - Math.max(left, 0));
  const insideY = Math.max(0, Math.min(bottom, height) - Math.max(top, 0));
  const [rightEye, leftEye, nose] = face.landmarks as [number, number][];
  const across = [leftEye![0] - rightEye![0], leftEye![1] - rightEye![1]] as const;
  const distance = Math.max(Math.hypot(across[0], across[1]), 1e-6);
  const fromMiddle = [
    nose![0] - (rightEye![0] + leftEye![0]) / 2,
    nose![1] - (rightEye![1] + leftEye![1]) / 2,
  ] as const;
  const along = (fromMiddle[0] * across[0] + fromMiddle[1] * across[1]) / distance ** 2;
  const landmarks_roll_deg = (Math.atan2(across[1], across[0]) * 180) / Math.PI;
  const yaw = pose === null ? 2 * along : Math.sin((pose.yaw_deg * Math.PI) / 180);
  return {
    size_px: Math.min(right - left, bottom - top),
    sharpness: sharpness(crop, size),
    brightness: mean(crop) / 255,
    yaw_proxy: Math.min(Math.max(yaw, -1), 1),
    roll_deg: pose?.roll_deg ?? landmarks_roll_deg,
    truncation: Math.min(Math.max(1 - (insideX * insideY) / area, 0), 1),
  };
}

/** Why an unsure answer is unsure. */
export function unsureReason(
  quality: Quality,
  limits: Contract["unsure"],
  units?: FaceUnits,
): Reason {
  if (quality.size_px < limits.min_size_px) return "small";
  if (quality.truncation > limits.max_truncation) return "cut off";
  if (Math.abs(quality.yaw_proxy) > limits.max_yaw_proxy) return "turned away";
  if (isPitched(units, limits)) return "turned away";
  if (Math.abs(quality.roll_deg) > limits.max_roll_deg) return "tilted";
  if (quality.brightness < limits.min_brightness) return "dark";
  return "ambiguous";
}

/** Whether the face looks far up or down, which only its units say. */
function isPitched(units: FaceUnits | undefined, limits: Contract["unsure"]): boolean {
  if (units === undefined) return false;
  if (units.pose === null) return units.missing === "turned away";
  return Math.abs(units.pose.pitch_deg) > limits.max_pitch_deg;
}

function sharpness(crop: Float32Array, size: number): number {
  let total = 0;
  for (let row = 1; row < size - 1; row++) {
    for (let column = 1; column < size - 1; column++) {
      const place = row * size + column;
      const around =
        crop[place - size]! + crop[place + size]! + crop[place - 1]! + crop[place + 1]!;
      total += Math.abs(around - 4 * crop[place]!);
    }
  }
  const average = mean(crop);
  const variance = crop.reduce((sum, value) => sum + (value - average) ** 2, 0) / crop.length;
  return total / (size - 2) ** 2 / Math.max(Math.sqrt(variance), 1);
}

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
