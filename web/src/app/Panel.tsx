import { useMemo } from "preact/hooks";

import { Lessons } from "../teach/Lessons";
import { UnitsSwitch } from "../units/UnitsSwitch";
import { type Progress, progress } from "../video/analysis";
import { fill, labelWord, words } from "../words";
import { FaceList } from "./FaceList";
import { Keep } from "./Keep";
import type { Listed } from "./listed";
import { session, shown } from "./live";
import { numberOf } from "./overlay";
import { chosen, photos } from "./photos";
import { Spoken } from "./Spoken";
import type { Person } from "./session";
import { contract, source } from "./state";
import { Timeline } from "./Timeline";
import { PhotoTotals, Totals } from "./Totals";

const AWAY_AFTER_S = 0.6;
const GONE_AFTER_S = 20;
/** Who was seen less often was most likely a mistake, and is not shown once away. */
const FEWEST_ANSWERS = 10;

/** Everything beside the stage: people or faces, totals, and what can be kept. */
export function Panel() {
  const { kind } = source.value;
  return (
    <aside class="panel" aria-labelledby="faces-heading">
      <h2 id="faces-heading" tabIndex={-1}>
        {kind === "video" ? words().people.people : words().people.heading}
      </h2>
      <UnitsSwitch />
      {kind === "photos" ? <PhotoFaces /> : <People read={progress.value} />}
      {kind === "photos" ? <PhotoTotals /> : <Totals read={progress.value} />}
      <Lessons />
      <Keep />
    </aside>
  );
}

/**
 * Everybody in view of the camera, and who was just there; or everybody in a video, of whom there are
 * more as it is read.
 */
function People({ read: _ }: { read: Progress | null }) {
  const known = contract.value;
  const result = shown.value;
  const { kind } = source.value;
  const colours = useMemo(() => known?.labels.map((label) => known.colours[label]!) ?? [], [known]);
  const current = session.value;
  if (known === null || current === null) return <p class="quiet">{words().people.none}</p>;
  const now_s = result?.timestamp_s ?? 0;
  const present = new Map(result?.faces.map((face) => [face.track!, face]));
  const isAway = (person: Person) =>
    kind === "video" ? !present.has(person.number) : now_s - person.last_s > AWAY_AFTER_S;
  const listed = (person: Person): Listed => ({
    number: person.number + 1,
    name: fill(words().people.person, { number: person.number + 1 }),
    face: present.get(person.number) ?? person.newest,
    away: isAway(person),
    portrait: person.portrait,
    summary: fill(words().people.mostly, { label: labelWord(known.labels[mostShown(person)]!) }),
    more: kind === "camera" && <Timeline person={person} now_s={now_s} colours={colours} />,
  });
  const isListed = (person: Person) =>
    kind === "video" ||
    present.has(person.number) ||
    (now_s - person.last_s < GONE_AFTER_S && person.answers >= FEWEST_ANSWERS);
  const people = [...current.people.values()].filter(isListed);
  // With a camera, who is in view comes first; otherwise the order is that of the numbers.
  if (kind === "camera") people.sort((a, b) => Number(isAway(a)) - Number(isAway(b)));
  if (people.length === 0) return <p class="quiet">{words().people.none}</p>;
  return (
    <>
      <FaceList faces={people.map(listed)} />
      <Spoken />
    </>
  );
}

/** The place of the label that a person shows for the longest time. */
function mostShown({ seconds }: Person): number {
  return seconds.indexOf(Math.max(...seconds));
}

function PhotoFaces() {
  const photo = photos.value[chosen.value];
  // The stage says what is wrong with it.
  if (photo?.error != null) return <p class="quiet">{words().people.none}</p>;
  if (photo?.result == null || contract.value === null)
    return <p class="quiet">{words().stage.analysing}</p>;
  if (photo.result.faces.length === 0) return <p class="quiet">{words().stage.noFace}</p>;
  const portraits = new Map(photo.result.portraits?.map(({ person, image }) => [person, image]));
  const faces = photo.result.faces.map(
    (face): Listed => ({
      number: numberOf(face),
      name: fill(words().people.face, { number: numberOf(face) }),
      face,
      away: false,
      portrait: portraits.get(face.face) ?? null,
    }),
  );
  return <FaceList key={photo.address} faces={faces} />;
}
