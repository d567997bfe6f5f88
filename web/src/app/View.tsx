import type { ComponentChildren } from "preact";

import type { FrameResult } from "../engine/faces";
import { drawFaces, pointed } from "./overlay";
import { contract } from "./state";

/** Width by height of the stage before anything is on it, and the narrowest and widest stage. */
export const USUAL_RATIO = 4 / 3;
const NARROWEST = 0.6;
const WIDEST = 2.4;
/** Sizes of the labels over the image; the small one is for stages narrower than the bound. */
const TEXT_PX = 13.5;
const SMALL_TEXT_PX = 11.5;
const NARROW_PX = 480;

/** A stage with the shape of what is on it. */
export function View({ ratio, children }: { ratio: number; children: ComponentChildren }) {
  const shape = Math.min(Math.max(ratio, NARROWEST), WIDEST);
  return (
    <div class="view" style={{ "--ratio": shape.toFixed(4) }}>
      {children}
    </div>
  );
}

/** Draw a result over the image as it lies on the screen. */
export function drawOver(
  canvas: HTMLCanvasElement | null,
  result: FrameResult,
  mirrored: boolean,
): void {
  const known = contract.value;
  if (canvas === null || known === null) return;
  const ratio = devicePixelRatio || 1;
  const box = canvas.getBoundingClientRect();
  const width = Math.round(box.width * ratio);
  const height = Math.round(box.height * ratio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const drawn = canvas.getContext("2d")!;
  drawn.setTransform(1, 0, 0, 1, 0, 0);
  drawn.clearRect(0, 0, width, height);
  const scale = Math.min(width / result.width, height / result.height);
  const left = (width - result.width * scale) / 2;
  const top = (height - result.height * scale) / 2;
  drawn.translate(left, top);
  const text = box.width < NARROW_PX ? SMALL_TEXT_PX : TEXT_PX;
  drawFaces(drawn, result, known, { mirrored, scale, text: text * ratio, pointed: pointed.value });
}
