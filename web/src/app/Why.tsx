import { useEffect, useRef, useState } from "preact/hooks";

import type { Explanation } from "../engine/engine";
import type { FacePrediction } from "../engine/faces";
import { words } from "../words";
import { shown, smooth } from "./live";
import { Parts } from "./Parts";
import { Superseded, useScope } from "./scope";
import { explainNow, playing } from "./still";

/**
 * Which parts of a face its answer depends on, in the image that the stage shows at first, and in
 * each other one on which it stands still.
 */
export function Why({ face }: { face: FacePrediction }) {
  const [found, setFound] = useState<Explanation | null | "fault">();
  const scope = useScope();
  const moment_s = useRef<number | null>(null);
  if (playing.value?.paused === true) moment_s.current = shown.value?.timestamp_s ?? null;
  useEffect(() => {
    setFound(undefined);
    explainNow(scope.begin(), face.box_xyxy).then(setFound, (error: unknown) => {
      if (!(error instanceof Superseded)) setFound("fault");
    });
  }, [moment_s.current]);
  if (found === undefined) {
    return (
      <p class="quiet" role="status">
        {words().stage.analysing}
      </p>
    );
  }
  if (found === null || found === "fault") return <p class="quiet">{words().why.gone}</p>;
  return (
    <>
      <Parts explanation={found} />
      {face.track !== null && smooth.value && <p class="quiet">{words().why.single}</p>}
    </>
  );
}
