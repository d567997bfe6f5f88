import { useEffect, useRef } from "preact/hooks";

import { contract } from "../app/state";
import { fill, labelWord, words } from "../words";
import { projected, spread } from "./head";
import { exportLessons, forgetLessons, type KeptLesson, lessons, undo } from "./lessons";

const WIDTH = 320;
const HEIGHT = 180;
const LARGEST_RADIUS = 16;
/** All circles together cover at most so much of the map. */
const MOST_COVERED = 0.3;
/** Faces stay so far from the edge. */
const EDGE = LARGEST_RADIUS + 6;

/** What the visitor taught: how many faces, where they lie, and what can be done with them. */
export function Lessons() {
  const kept = lessons.value;
  const none = kept.length === 0;
  const first = useRef(true);
  useEffect(() => {
    // The buttons went with the last lesson.
    if (none && !first.current) document.getElementById("faces-heading")!.focus();
    first.current = false;
  }, [none]);
  if (none) return null;
  const said = words().teach;
  return (
    <section class="keep lessons" aria-labelledby="lessons-heading">
      <h3 id="lessons-heading">{fill(said.heading, { count: kept.length })}</h3>
      {kept.length > 1 && <FaceMap kept={kept} />}
      <p class="quiet">{said.text}</p>
      <div class="row">
        <button type="button" onClick={undo}>
          {said.undo}
        </button>
        <button type="button" onClick={exportLessons}>
          {said.export}
        </button>
        <button type="button" class="plain" onClick={() => confirm(said.sure) && forgetLessons()}>
          {said.clear}
        </button>
      </div>
    </section>
  );
}

/** The taught faces on a plane: what looks alike to the model lies close together. */
function FaceMap({ kept }: { kept: KeptLesson[] }) {
  const { labels } = contract.value!;
  const [across, down] = [WIDTH / 2 - EDGE, HEIGHT / 2 - EDGE];
  const scaled = projected(kept.map((lesson) => lesson.direction)).map(
    ([x, y]): [number, number] => [x * across, y * down],
  );
  const covered = (MOST_COVERED * WIDTH * HEIGHT) / (Math.PI * kept.length);
  const radius = Math.min(LARGEST_RADIUS, Math.sqrt(covered));
  const places = spread(scaled, 2 * radius + 4, [across, down]).map(([x, y]) => [
    WIDTH / 2 + x,
    HEIGHT / 2 + y,
  ]);
  const found = labels
    .map((label, place) => ({ label, count: kept.filter((one) => one.label === place).length }))
    .filter(({ count }) => count > 0);
  const counts = found.map(({ label, count }) => `${labelWord(label)} ${count}`).join(", ");
  return (
    <figure class="face-map">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={fill(words().teach.map, { counts })}
      >
        <clipPath id="face-clip">
          <circle r={radius} />
        </clipPath>
        {kept.map((lesson, number) => {
          const [x, y] = places[number]!;
          const label = labels[lesson.label]!;
          return (
            <g key={number} transform={`translate(${x} ${y})`}>
              <title>{labelWord(label)}</title>
              <image
                href={lesson.image}
                x={-radius}
                y={-radius}
                width={2 * radius}
                height={2 * radius}
                clip-path="url(#face-clip)"
              />
              <circle r={radius} style={{ stroke: `var(--${label})` }} />
            </g>
          );
        })}
      </svg>
      <figcaption class="legend">
        {found.map(({ label, count }) => (
          <span key={label}>
            <span class="dot" style={{ background: `var(--${label})` }} />
            {labelWord(label)} {count}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}
