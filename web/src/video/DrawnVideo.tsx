import { SaveIcon } from "../app/icons";
import { sessionScope } from "../app/live";
import { fileName } from "../app/save";
import { start } from "../app/scope";
import type { Session } from "../app/session";
import { contract, source } from "../app/state";
import { fill, percent, words } from "../words";
import { progress } from "./analysis";
import { saveDrawnVideo, writing } from "./drawn";

/** Saves the video with its boxes and labels, once all of it is read. */
export function DrawnVideoButton({ session }: { session: Session }) {
  const share = shareOf(session);
  const save = () => {
    const now = source.value;
    if (now.kind !== "video") return;
    const { first_s } = progress.value!;
    const { signal } = sessionScope;
    start(saveDrawnVideo(now.file, session, first_s, contract.value!, fileName(), signal));
  };
  return (
    <button
      type="button"
      disabled={progress.value?.isDone !== true || share !== null}
      onClick={save}
    >
      <SaveIcon /> {words().save.video}
    </button>
  );
}

/** How far the video that is saved is, or why this browser cannot write it. */
export function DrawnVideoNote({ session }: { session: Session }) {
  const share = shareOf(session);
  const fault = writing.value?.session === session ? writing.value.fault : null;
  if (share === null && fault === null) return null;
  return (
    <p class="quiet" role="status">
      {fault === null ? fill(words().save.writing, { share: percent(share!) }) : fault()}
    </p>
  );
}

function shareOf(session: Session): number | null {
  return writing.value?.session === session ? writing.value.share : null;
}
