import type { Box, FacePrediction, FrameResult, Portrait } from "./faces";

/** Pixels of a portrait: twice the largest that the page shows. */
const SIDE_PX = 112;
/** A face's box is enlarged by this share on each side. */
const MARGIN = 0.22;
/** A portrait is replaced by one that is better by this factor. */
const BETTER = 1.4;

/** Keeps the best crop of each person or track of a clip. */
export class Portraits {
  private readonly best = new Map<number, number>();

  /** A crop of a face out of its frame, if there is none so good. */
  of(face: FacePrediction, image: () => CanvasImageSource): Portrait | null {
    const [left, top, right, bottom] = face.box_xyxy;
    const frontal = 1 - Math.min(Math.abs(face.quality.yaw_proxy), 1) / 2;
    const score = face.detection_score * frontal * Math.min(right - left, bottom - top, SIDE_PX);
    const before = this.best.get(face.track!);
    if (before !== undefined && score < before * BETTER) return null;
    this.best.set(face.track!, score);
    return { person: face.track!, image: portrait(image(), face.box_xyxy) };
  }
}

/** The square around a face as an image of its own. */
export function portrait(
  image: CanvasImageSource,
  [left, top, right, bottom]: Box,
  side_px = SIDE_PX,
): ImageBitmap {
  const canvas = new OffscreenCanvas(side_px, side_px);
  const side = Math.max(right - left, bottom - top) * (1 + 2 * MARGIN);
  const x = (left + right - side) / 2;
  const y = (top + bottom - side) / 2;
  const drawn = canvas.getContext("2d")!;
  drawn.drawImage(image, x, y, side, side, 0, 0, side_px, side_px);
  return canvas.transferToImageBitmap();
}

/** Let the portraits go that came with results that nobody wants any more. */
export function closePortraits(results: FrameResult[]): void {
  for (const { portraits } of results) for (const { image } of portraits ?? []) image.close();
}
