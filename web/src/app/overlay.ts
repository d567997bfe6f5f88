import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";

import type { Contract } from "../engine/contract";
import type { FacePrediction, FoundFaces, FrameResult } from "../engine/faces";
import { fill, labelWord, percent, words } from "../words";
import { type Rectangle, shared } from "./rectangles";

export interface DrawingOptions {
  mirrored: boolean;
  /** Pixels of the canvas per pixel of the image. */
  scale: number;
  /** Size of the text in pixels of the canvas. */
  text: number;
  /** The number of the face that the visitor points at, if any; the others step back. */
  pointed: number | null;
  /** The result whose labels and shares are shown beside the image; null takes the frame's own. */
  said?: FrameResult | null;
  /** Whether many faces are shown as dots. */
  dots?: boolean;
}

/** From so many faces on, boxes and labels would hide what they are about. */
const CROWD = 13;

/** The number of the face whose card the visitor points at. */
export const pointed = signal<number | null>(null);

const OTHERS_ALPHA = 0.3;
export const FONT = '"Inter Variable", system-ui, sans-serif';

/** A face's number as visitors see it: that of its person, or else its place in the image. */
export function numberOf(face: FacePrediction): number {
  return (face.track ?? face.face) + 1;
}

/**
 * A face's share as text. An unsure answer has none, nor a label that is only held while another
 * one is as probable: the bars would say something else.
 */
export function shareText(face: FacePrediction): string {
  if (face.unsure) return words().people.unsure;
  return face.confidence >= Math.max(...face.probabilities) ? percent(face.confidence) : "";
}

/** A face's expression as text; one that the answer is unsure of has a question mark, as Python's. */
export function labelText(face: FacePrediction, contract: Contract): string {
  return labelWord(contract.labels[face.label]!) + (face.unsure ? "?" : "");
}

/** The same for those who hear it. */
export function spokenLabel(face: FacePrediction, contract: Contract): string {
  const label = labelWord(contract.labels[face.label]!);
  return face.unsure ? `${label} (${words().people.unsure})` : label;
}

/** Draw anew when what is drawn changes, and when the canvas gets another size or comes back. */
export function useDrawing(
  canvas: { current: HTMLCanvasElement | null },
  draw: () => void,
  ...drawn: unknown[]
): void {
  useEffect(() => {
    const watching = new ResizeObserver(draw);
    if (canvas.current !== null) watching.observe(canvas.current);
    return () => watching.disconnect();
  }, drawn);
}

/** Where the boxes of a result lie on a canvas whose pixels are the image's times `scale`. */
export function boxesOf(result: FrameResult, mirrored: boolean, scale: number): Rectangle[] {
  return result.faces.map(({ box_xyxy: [x0, y0, x1, y1] }) => {
    const left = mirrored ? result.width - x1 : x0;
    return {
      left: left * scale,
      top: y0 * scale,
      width: (x1 - x0) * scale,
      height: (y1 - y0) * scale,
    };
  });
}

/**
 * Draw boxes and labels of a result onto a canvas whose pixels are the image's times `scale`.
 *
 * Returns where the labels lie.
 */
export function drawFaces(
  canvas: CanvasRenderingContext2D,
  result: FrameResult,
  contract: Contract,
  options: DrawingOptions,
): Rectangle[] {
  const { scale } = options;
  const boxes = boxesOf(result, options.mirrored, scale);
  const said = new Map(options.said?.faces.map((face) => [numberOf(face), face]));
  const faces = result.faces.map((face) => said.get(numberOf(face)) ?? face);
  const colours = faces.map(({ label }) => contract.colours[contract.labels[label]!]!);
  const meant = result.faces.findIndex((face) => numberOf(face) === options.pointed);
  const isCrowd = options.dots === true && faces.length >= CROWD;
  const alpha = (number: number) => (meant < 0 || number === meant ? 1 : OTHERS_ALPHA);
  canvas.save();
  [...faces.keys()].reverse().forEach((number) => {
    if (isCrowd && number !== meant) {
      drawDot(canvas, boxes[number]!, colours[number]!, faces[number]!.unsure, options.text);
      return;
    }
    canvas.globalAlpha = alpha(number);
    drawBox(canvas, boxes[number]!, colours[number]!, faces[number]!.unsure, options.text);
  });
  const taken: Rectangle[] = [];
  const room = { width: result.width * scale, height: result.height * scale };
  faces.forEach((face, number) => {
    if (isCrowd && number !== meant) return;
    const texts: Texts = {
      // A single face needs no number to be found.
      number: faces.length > 1 ? String(numberOf(face)) : "",
      label: labelText(face, contract),
      share: shareText(face),
    };
    const inTheWay =
      number === meant ? [] : [...taken, ...boxes.filter((_, other) => other !== number)];
    const place = placed(canvas, texts, boxes[number]!, room, options.text, inTheWay);
    taken.push(place);
    canvas.globalAlpha = alpha(number);
    drawLabel(canvas, place, colours[number]!, options.text);
  });
  canvas.restore();
  return taken;
}

/** Draw where faces are, on a canvas whose pixels are the image's times `scale`. */
export function drawFound(
  canvas: CanvasRenderingContext2D,
  found: FoundFaces,
  { mirrored, scale, text }: Pick<DrawingOptions, "mirrored" | "scale" | "text">,
): void {
  for (const [x0, y0, x1, y1] of found.boxes) {
    const left = (mirrored ? found.width - x1 : x0) * scale;
    const box = { left, top: y0 * scale, width: (x1 - x0) * scale, height: (y1 - y0) * scale };
    drawBox(canvas, box, "#fff", false, text);
  }
}

interface Texts {
  number: string;
  label: string;
  share: string;
}

interface Piece {
  text: string;
  weight: number;
  alpha: number;
  /** From the label's left side. */
  left: number;
}

interface Label extends Rectangle {
  pieces: Piece[];
}

function drawBox(
  canvas: CanvasRenderingContext2D,
  { left, top, width, height }: Rectangle,
  colour: string,
  unsure: boolean,
  text: number,
): void {
  const radius = Math.min(0.12 * Math.min(width, height), 1.5 * text);
  canvas.setLineDash(unsure ? [text * 0.5, text * 0.4] : []);
  canvas.lineJoin = "round";
  canvas.beginPath();
  canvas.roundRect(left, top, width, height, radius);
  canvas.strokeStyle = "rgb(0 0 0 / 35%)";
  canvas.lineWidth = text * 0.32;
  canvas.stroke();
  canvas.strokeStyle = colour;
  canvas.lineWidth = text * 0.18;
  canvas.stroke();
}

/** One face of a crowd: a dot at the top of its box, hollow where the answer is unsure. */
function drawDot(
  canvas: CanvasRenderingContext2D,
  { left, top, width }: Rectangle,
  colour: string,
  unsure: boolean,
  text: number,
): void {
  const radius = text * 0.42;
  canvas.setLineDash([]);
  canvas.beginPath();
  canvas.arc(left + width / 2, Math.max(top, radius + text * 0.2), radius, 0, 2 * Math.PI);
  canvas.fillStyle = unsure ? "rgb(19 20 23 / 82%)" : colour;
  canvas.fill();
  canvas.strokeStyle = unsure ? colour : "#fff";
  canvas.lineWidth = text * 0.16;
  canvas.stroke();
}

/**
 * Find a label's place, above or below its box, where it hides no other face and no other label:
 * whole if it can be, else without its share, else only its dot and number.
 */
function placed(
  canvas: CanvasRenderingContext2D,
  { number, label, share }: Texts,
  box: Rectangle,
  room: { width: number; height: number },
  text: number,
  inTheWay: Rectangle[],
): Label {
  const height = text * 1.75;
  const above = box.top - height - text * 0.4;
  const below = box.top + box.height + text * 0.4;
  const tops = [above, below].filter((top) => top > 2 && top + height < room.height - 2);
  if (tops.length === 0) tops.push(Math.max(2, box.top + text * 0.4));
  const places = [
    [number, label, share],
    [number, label, ""],
    [number, "", ""],
  ].flatMap((texts) => {
    const { pieces, width } = set(canvas, texts as [string, string, string], text);
    const left = Math.max(2, Math.min(box.left, room.width - width - 2));
    return tops.map((top): Label => ({ left, top, width, height, pieces }));
  });
  const hidden = places.map((place) =>
    inTheWay.reduce((sum, other) => sum + shared(place, other), 0),
  );
  return places[hidden.indexOf(Math.min(...hidden))]!;
}

/** Set a label's number, label and share side by side, leaving out what is empty. */
function set(
  canvas: CanvasRenderingContext2D,
  [number, label, share]: [string, string, string],
  text: number,
): { pieces: Piece[]; width: number } {
  const styles = [
    { text: number, weight: 400, alpha: 0.75 },
    { text: label, weight: 600, alpha: 1 },
    { text: share, weight: 400, alpha: 0.75 },
  ];
  const pieces: Piece[] = [];
  let left = text * 1.55;
  for (const style of styles.filter((each) => each.text !== "")) {
    canvas.font = `${style.weight} ${text}px ${FONT}`;
    pieces.push({ ...style, left });
    left += canvas.measureText(style.text).width + text * 0.45;
  }
  return { pieces, width: pieces.length > 0 ? left + text * 0.1 : text * 1.9 };
}

function drawLabel(
  canvas: CanvasRenderingContext2D,
  { left, top, width, height, pieces }: Label,
  colour: string,
  text: number,
): void {
  const middle = top + height / 2;
  canvas.textBaseline = "middle";
  canvas.beginPath();
  canvas.roundRect(left, top, width, height, height / 2);
  canvas.fillStyle = "rgb(19 20 23 / 82%)";
  canvas.fill();
  canvas.beginPath();
  canvas.arc(left + text * 0.95, middle, text * 0.32, 0, 2 * Math.PI);
  canvas.fillStyle = colour;
  canvas.fill();
  for (const piece of pieces) {
    canvas.font = `${piece.weight} ${text}px ${FONT}`;
    canvas.fillStyle = `rgb(255 255 255 / ${100 * piece.alpha}%)`;
    canvas.fillText(piece.text, left + piece.left, middle + text * 0.04);
  }
}

/** Say in words what an image shows, for those who do not see it. */
export function described(result: FrameResult | null, contract: Contract): string {
  const spoken = words();
  if (result === null) return spoken.stage.image;
  if (result.faces.length === 0) return spoken.stage.noFace;
  const said = result.faces.map((face) => {
    const name = face.track === null ? spoken.people.face : spoken.people.person;
    return `${fill(name, { number: numberOf(face) })}: ${spokenLabel(face, contract)}`;
  });
  return `${spoken.stage.image}. ${said.join(", ")}`;
}
