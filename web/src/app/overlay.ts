import type { Contract } from "../engine/contract";
import type { FacePrediction, FrameResult } from "../engine/faces";
import { fill, labelWord, percent, words } from "../words";

export interface DrawingOptions {
  mirrored: boolean;
  /** Pixels of the canvas per pixel of the picture. */
  scale: number;
  /** Size of the text in pixels of the canvas. */
  text: number;
}

const FONT = '"Inter Variable", system-ui, sans-serif';

/** Draw boxes and labels of a result onto a canvas whose pixels are the picture's times `scale`. */
export function drawFaces(
  canvas: CanvasRenderingContext2D,
  result: FrameResult,
  contract: Contract,
  options: DrawingOptions,
): void {
  for (const face of [...result.faces].reverse()) drawFace(canvas, face, result, contract, options);
}

function drawFace(
  canvas: CanvasRenderingContext2D,
  face: FacePrediction,
  result: FrameResult,
  contract: Contract,
  { mirrored, scale, text }: DrawingOptions,
): void {
  const [x0, y0, x1, y1] = face.box_xyxy;
  const left = (mirrored ? result.width - x1 : x0) * scale;
  const top = y0 * scale;
  const width = (x1 - x0) * scale;
  const height = (y1 - y0) * scale;
  const colour = contract.colours[contract.labels[face.label]!]!;
  const radius = Math.min(width, height) * 0.12;
  canvas.save();
  canvas.lineJoin = "round";
  canvas.setLineDash(face.unsure ? [text * 0.5, text * 0.4] : []);
  canvas.beginPath();
  canvas.roundRect(left, top, width, height, radius);
  canvas.strokeStyle = "rgb(0 0 0 / 35%)";
  canvas.lineWidth = text * 0.32;
  canvas.stroke();
  canvas.strokeStyle = colour;
  canvas.lineWidth = text * 0.18;
  canvas.stroke();
  drawLabel(canvas, face, contract, colour, { left, top, bottom: top + height, text });
  canvas.restore();
}

function drawLabel(
  canvas: CanvasRenderingContext2D,
  face: FacePrediction,
  contract: Contract,
  colour: string,
  place: { left: number; top: number; bottom: number; text: number },
): void {
  const { text } = place;
  const label = labelWord(contract.labels[face.label]!);
  const share = face.unsure ? words().people.unsure : percent(face.confidence);
  canvas.setLineDash([]);
  canvas.textBaseline = "middle";
  canvas.font = `600 ${text}px ${FONT}`;
  const labelWidth = canvas.measureText(label).width;
  canvas.font = `400 ${text}px ${FONT}`;
  const width = text * 2.1 + labelWidth + text * 0.45 + canvas.measureText(share).width;
  const height = text * 1.75;
  const left = Math.max(2, Math.min(place.left, canvas.canvas.width - width - 2));
  const above = place.top - height - text * 0.4;
  const top = above > 2 ? above : Math.min(place.bottom + text * 0.4, canvas.canvas.height - height - 2);
  canvas.beginPath();
  canvas.roundRect(left, top, width, height, height / 2);
  canvas.fillStyle = "rgb(19 20 23 / 82%)";
  canvas.fill();
  canvas.beginPath();
  canvas.arc(left + text * 0.95, top + height / 2, text * 0.32, 0, 2 * Math.PI);
  canvas.fillStyle = colour;
  canvas.fill();
  canvas.fillStyle = "#fff";
  canvas.font = `600 ${text}px ${FONT}`;
  canvas.fillText(label, left + text * 1.55, top + height / 2 + text * 0.04);
  canvas.font = `400 ${text}px ${FONT}`;
  canvas.fillStyle = "rgb(255 255 255 / 75%)";
  canvas.fillText(share, left + text * 2 + labelWidth, top + height / 2 + text * 0.04);
}

/** Say in words what a picture shows, for those who do not see it. */
export function described(result: FrameResult | null, contract: Contract): string {
  const spoken = words();
  if (result === null) return spoken.stage.picture;
  if (result.faces.length === 0) return spoken.stage.noFace;
  const said = result.faces.map((face) => {
    const name = face.track === null ? spoken.people.face : spoken.people.person;
    const number = (face.track ?? face.face) + 1;
    return `${fill(name, { number })}: ${labelWord(contract.labels[face.label]!)}`;
  });
  return `${spoken.stage.picture}. ${said.join(", ")}`;
}
