/** Which parts of a face an answer depends on; the same steps as `mien.inference.explain`. */
import type { Contract } from "./contract";
import { roundHalfEven } from "./detector";

/** Left, top, right and bottom in units of the crop's side. */
export type Area = [number, number, number, number];

export type PartName = "forehead" | "brows" | "eyes" | "nose" | "cheeks" | "mouth" | "chin";

/** A part of a face, and the answer while it is covered. */
export interface Part {
  name: PartName;
  /** By how much the log odds of the answer decrease, in bits. */
  bits: number;
  probabilities: number[];
}

type CropSpec = NonNullable<Contract["emotion"]["spec"]["crop"]>;

/** Probabilities are clipped this far from 0 and 1, so that evidence is finite. */
const MIN_PROBABILITY = 1e-6;

/** The areas of the parts of a face in the crop, from top to bottom. */
export function faceRegions({ landmarks_xy }: CropSpec): [PartName, Area[]][] {
  const [rightEye, leftEye, nose, rightMouth, leftMouth] = landmarks_xy as [number, number][];
  const [noseX, noseY] = nose!;
  const eyeY = rightEye![1];
  const eyes = leftEye![0] - rightEye![0];
  const mouthY = (rightMouth![1] + leftMouth![1]) / 2;
  const [left, right] = [noseX - eyes, noseX + eyes];
  const brow = eyeY - 0.6 * eyes;
  const belowBrow = eyeY - 0.2 * eyes;
  const belowEye = eyeY + 0.25 * eyes;
  const aboveMouth = (noseY + mouthY) / 2;
  const belowMouth = mouthY + 0.35 * eyes;
  const [noseLeft, noseRight] = [noseX - 0.3 * eyes, noseX + 0.3 * eyes];
  return [
    ["forehead", [[left, 0, right, brow]]],
    ["brows", [[left, brow, right, belowBrow]]],
    ["eyes", [[left, belowBrow, right, belowEye]]],
    ["nose", [[noseLeft, belowEye, noseRight, aboveMouth]]],
    [
      "cheeks",
      [
        [left, belowEye, noseLeft, aboveMouth],
        [noseRight, belowEye, right, aboveMouth],
      ],
    ],
    ["mouth", [[left, aboveMouth, right, belowMouth]]],
    ["chin", [[left, belowMouth, right, 1]]],
  ];
}

/** An area in whole pixels of the crop. */
export function pixelsOf(area: Area, size: number): Area {
  return area.map((edge) => roundHalfEven(Math.min(Math.max(edge, 0), 1) * size)) as Area;
}

/** The crop with areas covered by its mean luma. */
export function covered(crop: Float32Array, size: number, areas: Area[]): Float32Array {
  const grey = crop.reduce((sum, value) => sum + value, 0) / crop.length;
  const found = crop.slice();
  for (const area of areas) {
    const [left, top, right, bottom] = pixelsOf(area, size);
    for (let row = top; row < bottom; row++) {
      found.fill(grey, row * size + left, row * size + right);
    }
  }
  return found;
}

/** Cover the parts of a face one by one, and compare the answers; what matters most comes first. */
export async function explainParts(
  spec: CropSpec,
  crop: Float32Array,
  answer: { label: number; confidence: number },
  classify: (crops: Float32Array[]) => Promise<number[][]>,
): Promise<Part[]> {
  const regions = faceRegions(spec);
  const answers = await classify(regions.map(([, areas]) => covered(crop, spec.size, areas)));
  return regions
    .map(([name], place): Part => {
      const probabilities = answers[place]!;
      const bits = logOdds(answer.confidence) - logOdds(probabilities[answer.label]!);
      return { name, bits, probabilities };
    })
    .sort((a, b) => b.bits - a.bits);
}

function logOdds(probability: number): number {
  const p = Math.min(Math.max(probability, MIN_PROBABILITY), 1 - MIN_PROBABILITY);
  return Math.log2(p / (1 - p));
}
