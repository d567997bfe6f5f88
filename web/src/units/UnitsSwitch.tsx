import { UnitsIcon } from "../app/icons";
import { contract } from "../app/state";
import { Toggle } from "../app/Tools";
import { fill, language, percent, words } from "../words";
import { fetching, fetchUnits, unitsOn, wanted } from "./switch";

/** Turns expression units on and off; says what that downloads the first time. */
export function UnitsToggle({ may }: { may?: () => boolean }) {
  const known = contract.value;
  const { turnOn, needs } = words().units;
  const isNew = known !== null && fetching.value?.ready !== true;
  const hint = isNew ? fill(needs, { size: megabytes(known.units.bytes) }) : turnOn;
  return <Toggle label={turnOn} hint={hint} value={wanted} icon={<UnitsIcon />} may={may} />;
}

/** How far the network of units is, what is wrong with it, or what its figures mean. */
export function UnitsNotice() {
  const known = contract.value;
  const said = words().units;
  if (!wanted.value || known === null) return null;
  if (unitsOn.value) return <p class="quiet units-notice">{said.about}</p>;
  const { share, error } = fetching.value ?? { share: 0, error: null };
  if (error !== null) {
    return (
      <p class="units-notice" role="alert">
        {fill(said.failed, { reason: error })}{" "}
        <button type="button" class="link" onClick={() => void fetchUnits()}>
          {words().status.retry}
        </button>
      </p>
    );
  }
  return (
    <p class="quiet units-notice" role="status">
      {fill(said.loading, { share: percent(share), size: megabytes(known.units.bytes) })}
    </p>
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toLocaleString(language.value, { maximumFractionDigits: 1 })} MB`;
}
