import { useState } from "preact/hooks";

import { contract } from "../app/state";
import type { FacePrediction } from "../engine/faces";
import { fill, labelWord, percent, words } from "../words";
import { canTeach, lessons, packed, taughtAnswer, teach } from "./lessons";

/** What the visitor's corrections make of a face. */
export function TaughtAnswer({ face }: { face: FacePrediction }) {
  const found = taughtAnswer(face);
  if (found === null) return null;
  const share = Math.max(...found);
  const { labels, emotion } = contract.value!;
  const label = labels[found.indexOf(share)]!;
  const isUnsure = share < emotion.spec.six!.unsure_below;
  const said = isUnsure ? words().people.unsure : percent(share);
  return (
    <p class="taught-answer">
      <span class="dot" style={{ background: `var(--${label})` }} />
      <span>
        {fill(words().teach.answer, { label: labelWord(label), share: said })}{" "}
        <span class="name">{fill(words().teach.by, { count: lessons.value.length })}</span>
      </span>
    </p>
  );
}

/** Lets the visitor say what a face shows. */
export function Corrections({
  face,
  portrait,
  done,
}: {
  face: FacePrediction;
  portrait: ImageBitmap | null;
  done: () => void;
}) {
  const said = words().teach;
  // What is corrected is the face as it was when the visitor asked.
  const [meant] = useState(face);
  const [image] = useState(() => packed(portrait));
  if (!canTeach(meant)) return <p class="quiet">{said.full}</p>;
  return (
    <div class="filters" role="group" aria-label={said.shows}>
      <span class="quiet">{said.shows}</span>
      {contract.value!.labels.map((label, place) => (
        <button
          type="button"
          key={label}
          class="chip"
          onClick={() => {
            teach(meant, place, image);
            done();
          }}
        >
          <span class="dot" style={{ background: `var(--${label})` }} />
          {labelWord(label)}
        </button>
      ))}
    </div>
  );
}
