import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { FacePrediction } from "../engine/faces";
import { Corrections, TaughtAnswer } from "../teach/Teach";
import { FaceUnits } from "../units/FaceUnits";
import { progress } from "../video/analysis";
import { words } from "../words";
import { Bars } from "./Bars";
import { shown } from "./live";
import { pointed } from "./overlay";
import { contract, source } from "./state";
import { Why } from "./Why";

/** A face or person in a list. */
export interface Listed {
  /** As visitors read it, from 1. */
  number: number;
  name: string;
  /** What is shown now, or was last. */
  face: FacePrediction | null;
  away: boolean;
  portrait: ImageBitmap | null;
  /** What is said about it while it is away. */
  summary?: string;
  /** What stands below the bars. */
  more?: ComponentChildren;
}

/** A face's bars and what else there is to say about it. */
export function Opened({ listed: { face, away, more, portrait } }: { listed: Listed }) {
  const [asked, setAsked] = useState<"why" | "wrong" | null>(null);
  const ask = (what: "why" | "wrong") => setAsked(asked === what ? null : what);
  const wrong = useRef<HTMLButtonElement>(null);
  const corrected = () => {
    setAsked(null);
    // What was pressed is gone.
    wrong.current?.focus();
  };
  useEffect(() => leavePointed, []);
  return (
    <div class="opened">
      {face !== null && !away && (
        <>
          {face.unsure && (
            <p class="quiet">
              {words().people.unsure}: {words().reasons[face.reason ?? "ambiguous"]}
            </p>
          )}
          <Bars labels={contract.value!.labels} values={face.probabilities} shown={face.label} />
          <TaughtAnswer face={face} />
          <div class="asks">
            <button type="button" aria-expanded={asked === "why"} onClick={() => ask("why")}>
              {words().why.ask}
            </button>
            {face.embedding != null && (
              <button
                type="button"
                ref={wrong}
                aria-expanded={asked === "wrong"}
                onClick={() => ask("wrong")}
              >
                {words().teach.ask}
              </button>
            )}
          </div>
          {asked === "why" && <Why face={face} />}
          {asked === "wrong" && <Corrections face={face} portrait={portrait} done={corrected} />}
        </>
      )}
      {more}
      {face !== null && !away && <FaceUnits face={face} />}
    </div>
  );
}

function leavePointed(): void {
  pointed.value = null;
}

/** What is said of who is not in view, which is not known where a video is not analysed. */
export function awayWord(): string {
  const { away, notYet } = words().people;
  if (source.value.kind !== "video" || shown.value !== null) return away;
  return progress.value?.isDone === true ? "" : notYet;
}

/** The classes of a face in a list. */
export function cardClass({ number, away }: Listed): string {
  return `card${away ? " away" : ""}${pointed.value === number ? " meant" : ""}`;
}

/** While the visitor is at a face in a list, its box stands out in the image. */
export function pointing(number: number) {
  const point = () => (pointed.value = number);
  return {
    onMouseEnter: point,
    onMouseLeave: leavePointed,
    onFocusIn: point,
    onFocusOut: leavePointed,
  };
}
