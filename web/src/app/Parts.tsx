import type { Explanation } from "../engine/engine";
import type { FacePrediction } from "../engine/faces";
import { faceRegions, pixelsOf } from "../engine/occlusion";
import { fill, labelWord, percent, words } from "../words";
import { Drawing, drawCrop } from "./drawings";
import { contract } from "./state";

/** How much of a part is hidden that does not matter, of 1. */
const DARKEST = 0.66;
/** Bits below which no part of a face decides by itself. */
const DECIDES_BITS = 0.5;
const ZOOM = 5;

/** The parts of a face on which its answer depends: drawn on its crop, and as bars. */
export function Parts({ explanation }: { explanation: Explanation }) {
  const said = words().why;
  const { face, parts } = explanation;
  const label = labelWord(contract.value!.labels[face.label]!);
  const most = parts[0]!;
  const left = (probabilities: number[]) => percent(probabilities[face.label]!);
  const values = {
    label,
    part: said.parts[most.name],
    from: percent(face.confidence),
    to: left(most.probabilities),
  };
  const sentence = most.bits < DECIDES_BITS ? said.none : said.most;
  return (
    <div class="parts">
      <Drawing label={said.drawing} draw={(canvas) => drawParts(canvas, explanation)} />
      <p>{fill(sentence, values)}</p>
      <ul class="bars">
        {parts.map(({ name, probabilities }) => (
          <li key={name} class="bar">
            <span>{said.parts[name]}</span>
            <span class="track">
              <span
                class="fill"
                style={{ transform: `translateX(${100 * taken(probabilities, face) - 100}%)` }}
              />
            </span>
            <span class="figure">{left(probabilities)}</span>
          </li>
        ))}
      </ul>
      <p class="quiet">{fill(said.text, { label })}</p>
    </div>
  );
}

/** The share of a face's answer that is gone while a part is covered, 0 to 1. */
function taken(probabilities: number[], { label, confidence }: FacePrediction): number {
  return Math.max(0, 1 - probabilities[label]! / confidence);
}

/** The crop, bright where the answer comes from. */
function drawParts(canvas: HTMLCanvasElement, explanation: Explanation): void {
  const { size, parts, face } = explanation;
  canvas.width = canvas.height = size * ZOOM;
  const drawn = canvas.getContext("2d")!;
  const small = document.createElement("canvas");
  drawCrop(small, explanation);
  drawn.imageSmoothingQuality = "high";
  drawn.drawImage(small, 0, 0, canvas.width, canvas.height);
  const veil = document.createElement("canvas");
  veil.width = veil.height = size;
  const hidden = veil.getContext("2d")!;
  hidden.fillStyle = `rgb(19 20 23 / ${DARKEST})`;
  hidden.fillRect(0, 0, size, size);
  const regions = new Map(faceRegions(contract.value!.emotion.spec.crop!));
  for (const { name, probabilities } of parts) {
    for (const area of regions.get(name)!) {
      const [left, top, right, bottom] = pixelsOf(area, size);
      hidden.clearRect(left, top, right - left, bottom - top);
      hidden.fillStyle = `rgb(19 20 23 / ${DARKEST * (1 - taken(probabilities, face))})`;
      hidden.fillRect(left, top, right - left, bottom - top);
    }
  }
  drawn.imageSmoothingEnabled = false;
  drawn.drawImage(veil, 0, 0, canvas.width, canvas.height);
}
