/** Where expression units are turned on, a face's card is open that shows them. */
import { useEffect, useRef } from "preact/hooks";

import type { Listed } from "../app/listed";
import type { Box } from "../engine/faces";
import { wanted } from "./switch";

/**
 * Open the largest face in view once units are wanted, unless a face in view is open already.
 *
 * Returns what to call when the visitor opens or closes a card: from then on they choose.
 */
export function useOpenForUnits(
  faces: Listed[],
  isOpen: (face: Listed) => boolean,
  open: (face: Listed) => void,
): () => void {
  const chose = useRef(false);
  if (!wanted.value) chose.current = false;
  useEffect(() => {
    if (!wanted.value || chose.current) return;
    const inView = faces.filter(({ face, away }) => face !== null && !away);
    const largest = largestOf(inView);
    if (largest === null || inView.some(isOpen)) return;
    chose.current = true;
    open(largest);
  });
  return () => {
    chose.current = true;
  };
}

/** The face whose box is largest; null if there is none. */
export function largestOf(faces: Listed[]): Listed | null {
  const size = ({ face }: Listed) => (face === null ? 0 : areaOf(face.box_xyxy));
  return faces.reduce<Listed | null>(
    (best, each) => (best === null || size(each) > size(best) ? each : best),
    null,
  );
}

function areaOf([left, top, right, bottom]: Box): number {
  return (right - left) * (bottom - top);
}
