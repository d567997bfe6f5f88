import { useEffect, useRef, useState } from "preact/hooks";

import { mirror } from "../app/live";
import { contract, source } from "../app/state";
import type { FacePrediction, HeadPose } from "../engine/faces";
import { fill, words } from "../words";
import { FaceDiagram } from "./FaceDiagram";
import { byName, mergedSides, strongest } from "./names";
import { figureText, MOST_LISTED, missingText, poseTexts, unitWord } from "./spoken";
import { unitsOn } from "./switch";

/** In a video the bars keep their places for so long, or they could not be read. */
const RANKED_EVERY_MS = 800;

/** What the parts of a face do: its pose, a drawing, and the most active units. */
export function FaceUnits({ face }: { face: FacePrediction }) {
  if (!unitsOn.value) return null;
  const said = words().units;
  const found = face.units;
  return (
    <section class="face-units" aria-label={said.heading}>
      <h3>{said.heading}</h3>
      {found === undefined && (
        <p class="quiet" role="status">
          {source.value.kind === "camera" ? said.next : said.reading}
        </p>
      )}
      {found?.missing != null && <p class="quiet">{missingText(found.missing, contract.value!)}</p>}
      {found?.values != null && (
        <Shown
          units={byName(contract.value!, found.values)}
          pose={found.pose!}
          isMoving={face.track !== null}
        />
      )}
    </section>
  );
}

function Shown({
  units,
  pose,
  isMoving,
}: {
  units: Record<string, number>;
  pose: HeadPose;
  isMoving: boolean;
}) {
  const names = useRanked(
    strongest(mergedSides(units), MOST_LISTED).map(([name]) => name),
    isMoving,
  );
  const mirrored = source.value.kind === "camera" && mirror.value;
  return (
    <>
      <div class="pose">
        <FaceDiagram units={units} pose={pose} mirrored={mirrored} />
        <dl>
          {poseTexts(pose).map(([name, text]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
      </div>
      <ul class={isMoving ? "bars unit-bars moving" : "bars unit-bars"}>
        {names.length === 0 && <li class="quiet">{words().units.rest}</li>}
        {names.map((name) => (
          <Bar key={name} name={name} value={meanOf(units, name)} />
        ))}
      </ul>
    </>
  );
}

function Bar({ name, value }: { name: string; value: number }) {
  const text = unitWord(name);
  const figure = figureText(value);
  return (
    <li class="bar">
      <span aria-hidden="true" title={name}>
        {text}
      </span>
      <span
        class="track"
        role="img"
        aria-label={fill(words().units.bar, { name: text, value: figure })}
      >
        <span class="fill" style={{ transform: `translateX(${100 * value - 100}%)` }} />
      </span>
      <span class="figure" aria-hidden="true">
        {figure}
      </span>
    </li>
  );
}

/** The value of a unit, or the mean of two sides. */
function meanOf(units: Record<string, number>, name: string): number {
  return units[name] ?? (units[`${name}Left`]! + units[`${name}Right`]!) / 2;
}

/** Names in an order that, of what moves, changes now and then only. */
function useRanked(newest: string[], isMoving: boolean): string[] {
  const ranked = useRef({ names: newest, at_ms: performance.now() });
  const [, again] = useState(0);
  const left_ms = ranked.current.at_ms + RANKED_EVERY_MS - performance.now();
  if (!isMoving || left_ms <= 0) ranked.current = { names: newest, at_ms: performance.now() };
  useEffect(() => {
    if (!isMoving || left_ms <= 0) return;
    const timer = setTimeout(() => again((count) => count + 1), left_ms);
    return () => clearTimeout(timer);
  });
  return ranked.current.names;
}
