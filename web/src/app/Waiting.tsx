import type { FoundFaces } from "../engine/faces";
import { fill, percent, words } from "../words";
import { loading } from "./state";

/** Says what the visitor waits for, and how many faces are found by then. */
export function Waiting({
  found = null,
  isPostponed = false,
}: {
  found?: FoundFaces | null;
  isPostponed?: boolean;
}) {
  const said = words();
  const { finds, ready } = loading.value;
  const share = percent(loading.value.share);
  const coming = loading.value.share < 1 ? said.status.loading : said.status.starting;
  const count = found?.boxes.length ?? 0;
  return (
    <p class="hint" role="status">
      {ready && (isPostponed ? said.stage.postponed : said.stage.analysing)}
      {!ready && fill(finds && count > 0 ? said.status.found : coming, { share, count })}
    </p>
  );
}
