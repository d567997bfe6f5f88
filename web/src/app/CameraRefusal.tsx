import { useEffect } from "preact/hooks";

import { words } from "../words";
import { browserOf } from "./browser";
import { refusal } from "./live";

/** Why there is no camera, what to do in this browser, and another try; beside the camera's button. */
export function CameraRefusal({ retry }: { retry: () => void }) {
  // What was refused on one page is no matter on the next.
  useEffect(() => forget, []);
  const reason = refusal.value;
  if (reason === null) return null;
  const said = words().camera;
  return (
    <div class="refusal" role="alert">
      <p>{said[reason]}</p>
      {reason === "denied" && (
        <ol>
          {said.steps[browserOf(navigator)].map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
      )}
      {offersAgain() && (
        <button type="button" class="secondary" onClick={retry}>
          {words().status.retry}
        </button>
      )}
    </div>
  );
}

/** Whether the refusal that is said comes with another try. */
export function offersAgain(): boolean {
  return refusal.value !== null && refusal.value !== "insecure";
}

function forget(): void {
  refusal.value = null;
}
