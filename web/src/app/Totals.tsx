import type { Progress } from "../video/analysis";
import { clock, fill, labelWord, language, percent, words } from "../words";
import { session, shown, speed } from "./live";
import { photos } from "./photos";
import { contract, source } from "./state";

const SMALLEST_SHARE = 0.005;

/** What everybody showed, and for how long; drawn anew while a video is read. */
export function Totals({ read: _ }: { read: Progress | null }) {
  const current = session.value;
  const isCamera = source.value.kind === "camera";
  if (current === null || (isCamera && shown.value === null)) return null;
  const totals = current.totals();
  const all = totals.reduce((sum, value) => sum + value, 0);
  if (all === 0) return null;
  return (
    <section class="totals">
      <h3>{isCamera ? words().people.totals : words().people.wholeVideo}</h3>
      <Shares values={totals.map((value) => value / all)} name={words().people.totalsOf} />
      <Unsure share={current.unsureShare() ?? 0} />
      {isCamera && (
        <p class="quiet">
          {fill(words().people.seconds, {
            time: clock(current.length_s),
            frames: current.frames.toLocaleString(language.value),
          })}
        </p>
      )}
      {isCamera && speed.value.fps > 0 && (
        <p class="quiet speed">
          {fill(words().people.speed, {
            fps: speed.value.fps.toFixed(0),
            ms: speed.value.ms.toFixed(0),
          })}
        </p>
      )}
    </section>
  );
}

function Shares({ values, name }: { values: number[]; name: string }) {
  const { labels } = contract.value!;
  return (
    <>
      <p class="quiet">{name}</p>
      <div class="shares" aria-hidden="true">
        {labels.map((label, place) => (
          <span
            key={label}
            style={{ flexGrow: values[place]!, background: `var(--${label})` }}
            hidden={values[place]! < SMALLEST_SHARE}
          />
        ))}
      </div>
      <ul class="legend" aria-label={name}>
        {labels.map((label, place) => (
          <li key={label} hidden={values[place]! < SMALLEST_SHARE}>
            <span class="dot" style={{ background: `var(--${label})` }} />
            {labelWord(label)} {percent(values[place]!)}
          </li>
        ))}
      </ul>
    </>
  );
}

/** How many of the answers that the shares count are unsure. */
function Unsure({ share }: { share: number }) {
  if (share === 0) return null;
  return <p class="quiet">{fill(words().people.unsureShare, { share: percent(share) })}</p>;
}

/** What the faces of all photos show. */
export function PhotoTotals() {
  const done = photos.value.filter((photo) => photo.result !== null);
  const faces = done.flatMap((photo) => photo.result!.faces);
  if (done.length < 2 || faces.length === 0) return null;
  const broken = photos.value.filter((photo) => photo.error !== null).length;
  const shares = contract.value!.labels.map(
    (_, place) => faces.filter((face) => face.label === place).length / faces.length,
  );
  return (
    <section class="totals">
      <h3>{words().people.photoTotals}</h3>
      <Shares values={shares} name={words().people.photoTotalsOf} />
      <Unsure share={faces.filter((face) => face.unsure).length / faces.length} />
      <p class="quiet">
        {fill(words().people.images, { count: done.length, faces: faces.length })}
      </p>
      {broken > 0 && <p class="quiet">{fill(words().people.unreadable, { count: broken })}</p>}
    </section>
  );
}
