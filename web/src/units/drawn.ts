/** Expression units in images that are saved: a card at each face that has room for one, as Python draws them. */

import { boxesOf, type DrawingOptions, drawFaces, FONT } from "../app/overlay";
import { freePlace, type Rectangle } from "../app/rectangles";
import type { Contract } from "../engine/contract";
import type { FrameResult } from "../engine/faces";
import { byName, mergedSides, strongest } from "./names";
import { figureText, poseTexts, unitWord } from "./spoken";
import { unitsOn } from "./switch";

const MOST_ROWS = 5;
/** Cards of smaller faces could not be read. */
const LEAST_FACE_PX = 64;
const LEAST_TEXT_PX = 11;
/** Text is tried in these shares of the labels' size. */
const SHARES = [0.8, 0.65, 0.5];
/** In text sizes. */
const ROW = 1.5;
const PADDING = 0.7;
const BAR = 4;
const GAP = 0.8;
const UNIT_COLOUR = "rgb(140 200 230)";

interface Row {
  name: string;
  figure: string;
  /** 0 to 1; null for an angle, which has no bar. */
  value: number | null;
}

type Drawing = Pick<DrawingOptions, "mirrored" | "scale" | "text">;

/** Draw a result into an image that is saved: boxes, labels, and expression units if they are on. */
export function drawResult(
  canvas: CanvasRenderingContext2D,
  result: FrameResult,
  contract: Contract,
  drawing: Drawing,
): void {
  const labels = drawFaces(canvas, result, contract, { ...drawing, pointed: null });
  if (unitsOn.value) drawUnits(canvas, result, contract, drawing, labels);
}

/** Draw the units of faces where these do not hide faces, labels or each other. */
function drawUnits(
  canvas: CanvasRenderingContext2D,
  result: FrameResult,
  contract: Contract,
  { mirrored, scale, text }: Drawing,
  labels: Rectangle[],
): void {
  const boxes = boxesOf(result, mirrored, scale);
  const room = { width: result.width * scale, height: result.height * scale };
  const taken = [...boxes, ...labels];
  result.faces.forEach(({ units }, number) => {
    const box = boxes[number]!;
    if (units?.values == null || Math.min(box.width, box.height) < LEAST_FACE_PX) return;
    const values = strongest(mergedSides(byName(contract, units.values)), MOST_ROWS);
    const rows: Row[] = [
      ...values.map(([name, value]) => ({
        name: unitWord(name),
        figure: figureText(value),
        value,
      })),
      ...poseTexts(units.pose!).map(([name, figure]) => ({ name, figure, value: null })),
    ];
    for (const share of SHARES) {
      const px = Math.max(LEAST_TEXT_PX, share * text);
      const place = freePlace(box, sizeOf(canvas, rows, px), room, taken, GAP * px);
      if (place === null) continue;
      taken.push(place);
      drawCard(canvas, place, rows, px);
      break;
    }
  });
}

function sizeOf(canvas: CanvasRenderingContext2D, rows: Row[], px: number) {
  canvas.font = `400 ${px}px ${FONT}`;
  const widths = rows.map(({ name, figure, value }) => {
    const bar = value === null ? 0 : (BAR + GAP) * px;
    return canvas.measureText(name).width + bar + GAP * px + canvas.measureText(figure).width;
  });
  return {
    width: Math.max(...widths) + 2 * PADDING * px,
    height: (rows.length * ROW + 2 * PADDING) * px,
  };
}

function drawCard(
  canvas: CanvasRenderingContext2D,
  { left, top, width, height }: Rectangle,
  rows: Row[],
  px: number,
): void {
  canvas.save();
  canvas.font = `400 ${px}px ${FONT}`;
  canvas.textBaseline = "middle";
  rounded(canvas, { left, top, width, height }, px / 2, "rgb(19 20 23 / 82%)");
  const right = left + width - PADDING * px;
  const figures = canvas.measureText(figureText(1)).width;
  rows.forEach(({ name, figure, value }, row) => {
    const middle = top + (PADDING + (row + 0.5) * ROW) * px;
    canvas.fillStyle = value === null ? "rgb(255 255 255 / 75%)" : "#fff";
    canvas.textAlign = "left";
    canvas.fillText(name, left + PADDING * px, middle);
    canvas.textAlign = "right";
    canvas.fillText(figure, right, middle);
    if (value === null) return;
    const bar = { left: right - figures - (GAP + BAR) * px, top: middle - 0.2 * px };
    const size = { width: BAR * px, height: 0.4 * px };
    rounded(canvas, { ...bar, ...size }, 0.2 * px, "rgb(255 255 255 / 24%)");
    rounded(
      canvas,
      { ...bar, ...size, width: Math.max(0.4, BAR * value) * px },
      0.2 * px,
      UNIT_COLOUR,
    );
  });
  canvas.restore();
}

function rounded(
  canvas: CanvasRenderingContext2D,
  { left, top, width, height }: Rectangle,
  radius: number,
  colour: string,
): void {
  canvas.beginPath();
  canvas.roundRect(left, top, width, height, radius);
  canvas.fillStyle = colour;
  canvas.fill();
}
