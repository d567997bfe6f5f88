import { contract } from "../app/state";
import { fill, labelWord, words } from "../words";
import { projected, spread } from "./head";
import { exportLessons, forgetLessons, type KeptLesson, lessons, undo } from "./lessons";

const WIDTH = 320;
const HEIGHT = 180;
const RADIUS = 16;
/** Faces stay so far from the edge. */
const EDGE = RADIUS + 6;

/** What the visitor taught: how many faces, where they lie, and what can be done with them. */
export function Lessons() {
  const kept = lessons.value;
  if (kept.length === 0) return null;
  const said = words().teach;
  return (
    <section class="keep lessons" aria-labelledby="lessons-heading">
      <h3 id="lessons-heading">{fill(said.heading, { count: kept.length })}</h3>
      <FaceMap kept={kept} />
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
  const places = spread(scaled, 2 * RADIUS).map(([x, y]) => [
    WIDTH / 2 + Math.min(Math.max(x, -across), across),
    HEIGHT / 2 + Math.min(Math.max(y, -down), down),
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
          <circle r={RADIUS} />
        </clipPath>
        {kept.map((lesson, number) => {
          const [x, y] = places[number]!;
          const label = labels[lesson.label]!;
          return (
            <g key={number} transform={`translate(${x} ${y})`}>
              <title>{labelWord(label)}</title>
              <image
                href={lesson.image}
                x={-RADIUS}
                y={-RADIUS}
                width={2 * RADIUS}
                height={2 * RADIUS}
                clip-path="url(#face-clip)"
              />
              <circle r={RADIUS} style={{ stroke: `var(--${label})` }} />
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
