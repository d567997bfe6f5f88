import { UnitsIcon } from "../app/icons";
import { shown } from "../app/live";
import { mayGo } from "../app/opening";
import { contract, source } from "../app/state";
import { fill, language, percent, words } from "../words";
import { fetching, fetchUnits, isKept, unitsOn, wanted } from "./switch";

/** Turns expression units on and off; says what that downloads the first time. */
export function UnitsSwitch() {
  const turn = () => {
    if (wanted.value || mayRead()) wanted.value = !wanted.value;
  };
  return (
    <section class="units-switch">
      <button
        type="button"
        aria-pressed={wanted.value}
        aria-describedby="units-notice"
        onClick={turn}
      >
        <UnitsIcon /> <span>{words().units.turnOn}</span> <span class="knob" />
      </button>
      <div id="units-notice">
        <Notice />
      </div>
    </section>
  );
}

/** Whether units may be read: a video that was read without them begins anew. */
function mayRead(): boolean {
  const isRead = shown.value?.faces.some((face) => face.units !== undefined) ?? false;
  return source.value.kind !== "video" || isRead || mayGo();
}

/** What units are and download, how far their network is, or what is wrong with it. */
function Notice() {
  const known = contract.value;
  const said = words().units;
  const { share, ready, error } = fetching.value ?? { share: 0, ready: false, error: null };
  if (unitsOn.value) return <p class="quiet">{said.about}</p>;
  if (known === null || (!wanted.value && (ready || isKept.value))) {
    return <p class="quiet">{said.what}</p>;
  }
  const size = megabytes(known.units.bytes);
  if (!wanted.value) return <p class="quiet">{`${said.what} ${fill(said.needs, { size })}`}</p>;
  if (error !== null) {
    return (
      <p role="alert">
        {fill(said.failed, { reason: error() })}{" "}
        <button
          type="button"
          class="link"
          onClick={() => {
            if (mayRead()) void fetchUnits();
          }}
        >
          {words().status.retry}
        </button>
      </p>
    );
  }
  return (
    <p class="quiet" role="status">
      {fill(said.loading, { share: percent(share), size })}
    </p>
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString(language.value, { maximumFractionDigits: 1 })}\u00a0MB`;
}
