import { useEffect, useState } from "preact/hooks";

import type { Explanation } from "../engine/engine";
import type { FacePrediction } from "../engine/faces";
import { words } from "../words";
import { Parts } from "./Parts";
import { Superseded, useScope } from "./scope";
import { explainNow } from "./still";

/** Which parts of a face its answer depends on, in the image that the stage shows at first. */
export function Why({ face }: { face: FacePrediction }) {
  const [found, setFound] = useState<Explanation | null | "fault">();
  const scope = useScope();
  useEffect(() => {
    explainNow(scope.begin(), face.box_xyxy).then(setFound, (error: unknown) => {
      if (!(error instanceof Superseded)) setFound("fault");
    });
  }, []);
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
      {face.track !== null && <p class="quiet">{words().why.single}</p>}
    </>
  );
}
