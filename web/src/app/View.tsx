import type { ComponentChildren } from "preact";

import type { FoundFaces, FrameResult } from "../engine/faces";
import { drawFaces, drawFound, numberOf, pointed } from "./overlay";
import { contract } from "./state";

/** Width by height of the stage before anything is on it, and the narrowest and widest stage. */
export const USUAL_RATIO = 4 / 3;
const NARROWEST = 0.6;
const WIDEST = 2.4;
/** Sizes of the labels over the image; the small one is for stages narrower than the bound. */
const TEXT_PX = 13.5;
const SMALL_TEXT_PX = 11.5;
const NARROW_PX = 480;
/** The pointer is at a face that is at most so far away, in CSS pixels. */
const REACH_PX = 14;

type Size = { width: number; height: number };

/** A stage with the shape of what is on it; `point` hears where the pointer is. */
export function View({
  ratio,
  point,
  children,
}: {
  ratio: number;
  point: (event: PointerEvent) => void;
  children: ComponentChildren;
}) {
  const shape = Math.min(Math.max(ratio, NARROWEST), WIDEST);
  return (
    <div
      class="view"
      style={{ "--ratio": shape.toFixed(4) }}
      onPointerMove={point}
      onPointerLeave={() => (pointed.value = null)}
    >
      {children}
    </div>
  );
}

/** Where a result lies in a box of the screen: its scale, and what is left free beside it. */
function fitted(box: Size, image: Size) {
  const scale = Math.min(box.width / image.width, box.height / image.height);
  return {
    scale,
    left: (box.width - image.width * scale) / 2,
    top: (box.height - image.height * scale) / 2,
  };
}

/** Draw a result over the image as it lies on the screen, with the numbers that lists show. */
export function drawOver(
  canvas: HTMLCanvasElement | null,
  result: FrameResult,
  mirrored: boolean,
  said: FrameResult | null,
): void {
  const known = contract.value;
  if (canvas === null || known === null) return;
  const { drawn, scale, text } = laidOver(canvas, result);
  const options = { mirrored, scale, text, pointed: pointed.value, said, dots: true };
  drawFaces(drawn, result, known, options);
}

/** Draw where faces are over the image as it lies on the screen. */
export function drawFoundOver(
  canvas: HTMLCanvasElement | null,
  found: FoundFaces,
  mirrored: boolean,
): void {
  if (canvas === null) return;
  const { drawn, scale, text } = laidOver(canvas, found);
  drawFound(drawn, found, { mirrored, scale, text });
}

/** An empty canvas as large as it is on the screen, with its origin where the image's is. */
function laidOver(canvas: HTMLCanvasElement, image: Size) {
  const ratio = devicePixelRatio || 1;
  const box = canvas.getBoundingClientRect();
  const width = Math.round(box.width * ratio);
  const height = Math.round(box.height * ratio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const drawn = clearOver(canvas)!;
  const { scale, left, top } = fitted({ width, height }, image);
  drawn.translate(left, top);
  const text = (box.width < NARROW_PX ? SMALL_TEXT_PX : TEXT_PX) * ratio;
  return { drawn, scale, text };
}

/** Take away what is drawn over the image. */
export function clearOver(canvas: HTMLCanvasElement | null): CanvasRenderingContext2D | null {
  const drawn = canvas?.getContext("2d") ?? null;
  drawn?.setTransform(1, 0, 0, 1, 0, 0);
  drawn?.clearRect(0, 0, canvas!.width, canvas!.height);
  return drawn;
}

/** Let the face stand out at which the pointer is. */
export function pointAt(
  event: PointerEvent,
  canvas: HTMLCanvasElement | null,
  result: FrameResult | null,
  mirrored: boolean,
): void {
  if (canvas === null || result === null) return;
  const box = canvas.getBoundingClientRect();
  const { scale, left, top } = fitted(box, result);
  const across = (event.clientX - box.left - left) / scale;
  const x = mirrored ? result.width - across : across;
  const y = (event.clientY - box.top - top) / scale;
  let nearest = REACH_PX / scale;
  let found: number | null = null;
  for (const face of result.faces) {
    const [x0, y0, x1, y1] = face.box_xyxy;
    const apart = Math.hypot(Math.max(x0 - x, 0, x - x1), Math.max(y0 - y, 0, y - y1));
    if (apart >= nearest) continue;
    nearest = apart;
    found = numberOf(face);
  }
  if (pointed.value !== found) pointed.value = found;
}
