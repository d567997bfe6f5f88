import type { Contract } from "../engine/contract";
import type { FrameResult } from "../engine/faces";
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
  const { mirrored, scale } = options;
  const boxes = result.faces.map(({ box_xyxy: [x0, y0, x1, y1] }): Rectangle => {
    const left = mirrored ? result.width - x1 : x0;
    return { left: left * scale, top: y0 * scale, width: (x1 - x0) * scale, height: (y1 - y0) * scale };
  });
  const colours = result.faces.map(({ label }) => contract.colours[contract.labels[label]!]!);
  canvas.save();
  [...result.faces.keys()].reverse().forEach((number) => {
    drawBox(canvas, boxes[number]!, colours[number]!, result.faces[number]!.unsure, options.text);
  });
  const taken: Rectangle[] = [];
  result.faces.forEach((face, number) => {
    const label = labelWord(contract.labels[face.label]!);
    const share = face.unsure ? words().people.unsure : percent(face.confidence);
    const room = { width: result.width * scale, height: result.height * scale };
    const inTheWay = [...taken, ...boxes.filter((_, other) => other !== number)];
    const place = placed(canvas, [label, share], boxes[number]!, room, options.text, inTheWay);
    taken.push(place);
    drawLabel(canvas, place, colours[number]!, options.text);
  });
  canvas.restore();
}

interface Rectangle {
  left: number;
  top: number;
  width: number;
  height: number;
}

interface Label extends Rectangle {
  label: string;
  share: string;
  labelWidth: number;
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

/** Find a label's place, above or below its box and shorter if need be, where it hides least. */
function placed(
  canvas: CanvasRenderingContext2D,
  [label, share]: [string, string],
  box: Rectangle,
  room: { width: number; height: number },
  text: number,
  inTheWay: Rectangle[],
): Label {
  canvas.font = `600 ${text}px ${FONT}`;
  const labelWidth = canvas.measureText(label).width;
  canvas.font = `400 ${text}px ${FONT}`;
  const short = text * 2.1 + labelWidth;
  const long = short + text * 0.45 + canvas.measureText(share).width;
  const height = text * 1.75;
  const above = box.top - height - text * 0.4;
  const below = box.top + box.height + text * 0.4;
  const tops = [above, below].filter((top) => top > 2 && top + height < room.height - 2);
  if (tops.length === 0) tops.push(Math.max(2, box.top + text * 0.4));
  const places = [long, short].flatMap((width) =>
    tops.map((top): Label => {
      const left = Math.max(2, Math.min(box.left, room.width - width - 2));
      return { left, top, width, height, label, share: width === long ? share : "", labelWidth };
    }),
  );
  const hidden = places.map((place) =>
    inTheWay.reduce((sum, other) => sum + shared(place, other), 0),
  );
  return places[hidden.indexOf(Math.min(...hidden))]!;
}

/** The area that two rectangles share. */
function shared(a: Rectangle, b: Rectangle): number {
  const width = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
  const height = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
  return Math.max(0, width) * Math.max(0, height);
}

function drawLabel(
  canvas: CanvasRenderingContext2D,
  { left, top, width, height, label, share, labelWidth }: Label,
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
  canvas.fillStyle = "#fff";
  canvas.font = `600 ${text}px ${FONT}`;
  canvas.fillText(label, left + text * 1.55, middle + text * 0.04);
  canvas.font = `400 ${text}px ${FONT}`;
  canvas.fillStyle = "rgb(255 255 255 / 75%)";
  canvas.fillText(share, left + text * 2 + labelWidth, middle + text * 0.04);
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
