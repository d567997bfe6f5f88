import { contract, packed } from "../app/state";
import { labelWord, percent, words } from "../words";
import type { Take } from "./game";

const WIDTH = 1080;
const MARGIN = 60;
const GAP = 30;
const COLUMNS = 3;
const SIDE = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS;
const TOP = 190;
const WORDS = 84;
const FOOT = 150;
const FONT = '"Inter Variable", system-ui, sans-serif';
/** The light theme's values: a card looks alike wherever it goes. */
const [PAPER, INK, QUIET, WASH] = ["#fbfaf8", "#17181c", "#5d626b", "#f1efea"];

/** Crops are so many pixels square. */
export const CROP_PX = SIDE;

/** Draw the card of a game: six crops with their scores, and what a score is. */
export function drawCard(takes: Take[]): HTMLCanvasElement {
  const { labels, colours } = contract.value!;
  const rows = Math.ceil(takes.length / COLUMNS);
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = TOP + rows * (SIDE + WORDS) + (rows - 1) * GAP + FOOT;
  const drawn = canvas.getContext("2d")!;
  drawn.fillStyle = PAPER!;
  drawn.fillRect(0, 0, canvas.width, canvas.height);
  drawn.fillStyle = INK!;
  drawn.textBaseline = "alphabetic";
  drawn.font = `640 64px ${FONT}`;
  drawn.fillText(words().play.heading, MARGIN, 122, WIDTH - 2 * MARGIN - 150);
  drawn.textAlign = "right";
  drawn.font = `660 36px ${FONT}`;
  drawn.fillText("mien", WIDTH - MARGIN, 122);
  drawn.textAlign = "left";
  takes.forEach((take, place) => {
    const x = MARGIN + (place % COLUMNS) * (SIDE + GAP);
    const y = TOP + Math.floor(place / COLUMNS) * (SIDE + WORDS + GAP);
    drawn.save();
    drawn.beginPath();
    drawn.roundRect(x, y, SIDE, SIDE, 28);
    drawn.clip();
    drawn.fillStyle = WASH!;
    drawn.fillRect(x, y, SIDE, SIDE);
    if (take.image !== null) drawn.drawImage(take.image, x, y, SIDE, SIDE);
    drawn.restore();
    const line = y + SIDE + 50;
    drawn.fillStyle = colours[labels[place]!]!;
    drawn.beginPath();
    drawn.arc(x + 13, line - 11, 13, 0, 2 * Math.PI);
    drawn.fill();
    drawn.fillStyle = INK!;
    drawn.font = `560 32px ${FONT}`;
    drawn.fillText(labelWord(labels[place]!), x + 40, line, SIDE - 140);
    drawn.textAlign = "right";
    drawn.fillText(scoreText(take), x + SIDE, line);
    drawn.textAlign = "left";
  });
  drawn.fillStyle = QUIET!;
  drawn.font = `400 27px ${FONT}`;
  const lines = wrapped(drawn, words().play.limits, WIDTH - 2 * MARGIN);
  lines.forEach((line, place) => {
    drawn.fillText(line, MARGIN, canvas.height - FOOT + 66 + 40 * place);
  });
  return canvas;
}

/** A round's score; a dash where no face was seen. */
export function scoreText({ score, image }: Take): string {
  return image === null ? "–" : percent(score);
}

/** The card as a file. */
export async function cardFile(canvas: HTMLCanvasElement): Promise<Blob> {
  const blob = await packed(canvas, "image/png");
  if (blob === null) throw new Error("the card could not be packed");
  return blob;
}

/** Break a text into lines; between words where there are spaces, else anywhere. */
function wrapped(drawn: CanvasRenderingContext2D, text: string, width: number): string[] {
  const pieces = text.includes(" ") ? text.split(/(?<= )/) : [...text];
  const lines = [""];
  for (const piece of pieces) {
    const longer = lines.at(-1)! + piece;
    if (lines.at(-1) !== "" && drawn.measureText(longer.trimEnd()).width > width) lines.push(piece);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
