import { fill, percent, words } from "../words";
import { loadedShare, loading } from "./state";

/** Says what the visitor waits for. */
export function Waiting() {
  const said = words();
  const share = loadedShare.value;
  const coming =
    share < 1 ? fill(said.status.loading, { share: percent(share) }) : said.status.starting;
  return (
    <p class="hint" role="status">
      {loading.value.ready ? said.stage.analysing : coming}
    </p>
  );
}
