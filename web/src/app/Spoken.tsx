import { useEffect, useRef, useState } from "preact/hooks";

import { fill, words } from "../words";
import { shown } from "./live";
import { spokenLabel } from "./overlay";
import { contract } from "./state";

const SPOKEN_EVERY_MS = 2500;

/** Tells a screen reader who shows what, now and then. */
export function Spoken() {
  const [text, setText] = useState("");
  const said = useRef(new Map<number, number>());
  const spoken_ms = useRef(0);
  const result = shown.value;
  useEffect(() => {
    const now = performance.now();
    if (result === null || now - spoken_ms.current < SPOKEN_EVERY_MS) return;
    const changed = result.faces.filter((face) => said.current.get(face.track!) !== face.label);
    if (changed.length === 0) return;
    spoken_ms.current = now;
    result.faces.forEach((face) => {
      said.current.set(face.track!, face.label);
    });
    const sentence = changed.map((face) => {
      const label = spokenLabel(face, contract.value!);
      return fill(words().people.shows, { number: face.track! + 1, label });
    });
    setText(sentence.join(". "));
  }, [result]);
  return (
    <p class="spoken" role="status">
      {text}
    </p>
  );
}
