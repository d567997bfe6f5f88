import { useEffect, useRef } from "preact/hooks";

import { fill, words } from "../words";
import { BIN_S, LATELY_S, type Person } from "./session";

/** It grows until it spans `LATELY_S`; the shortest keeps the first points narrow. */
const SHORTEST_S = 10;

/** The last two minutes of one person, or all there is: stacked probabilities, newest at the right. */
export function Timeline({
  person,
  now_s,
  colours,
}: {
  person: Person;
  now_s: number;
  colours: string[];
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const bin = Math.floor(now_s / BIN_S);
  useEffect(() => {
    if (canvas.current !== null) drawTimeline(canvas.current, person, now_s, colours);
  }, [bin, person, colours]);
  return (
    <figure class="lately">
      <canvas
        ref={canvas}
        class="timeline"
        role="img"
        aria-label={fill(words().people.timeline, { number: person.number + 1 })}
      />
      <figcaption>
        {now_s < LATELY_S ? words().people.sinceStart : words().people.lately}
      </figcaption>
    </figure>
  );
}

function drawTimeline(
  canvas: HTMLCanvasElement,
  person: Person,
  now_s: number,
  colours: string[],
): void {
  const ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth * ratio;
  const height = canvas.clientHeight * ratio;
  if (width === 0) return;
  canvas.width = width;
  canvas.height = height;
  const drawn = canvas.getContext("2d")!;
  const bins = Math.ceil(Math.min(Math.max(now_s, SHORTEST_S), LATELY_S) / BIN_S);
  const step = width / bins;
  const last = Math.floor(now_s / BIN_S);
  for (let place = person.lately.length - 1; place >= 0; place--) {
    const { bin, sums, count } = person.lately[place]!;
    const column = bins - 1 - (last - bin);
    if (column < 0) break;
    let top = 0;
    sums.forEach((sum, label) => {
      const share = (sum / count) * height;
      drawn.fillStyle = colours[label]!;
      drawn.fillRect(column * step, top, Math.ceil(step), share + 0.5);
      top += share;
    });
  }
}
