import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import type { FacePrediction } from "../engine/faces";
import { clock, fill, labelWord, language, percent, words } from "../words";
import { Bars } from "./Bars";
import { SaveIcon } from "./icons";
import { newSession, session, shown, speed } from "./live";
import { mayGo, noteKept } from "./opening";
import { numberOf, pointed } from "./overlay";
import { allRows, chosen, photos } from "./photos";
import { savePhotoReport, saveReport } from "./report";
import { fileName, saveCsv, saveJson } from "./save";
import { start } from "./scope";
import type { Person } from "./session";
import { contract, source } from "./state";
import { Timeline } from "./Timeline";

const AWAY_AFTER_S = 0.6;
const GONE_AFTER_S = 20;
/** Who was seen less often was most likely a mistake, and is not shown once away. */
const FEWEST_ANSWERS = 10;
const SPOKEN_EVERY_MS = 2500;
const SMALLEST_SHARE = 0.005;

/** Everything beside the stage: people or faces, totals, and what can be kept. */
export function Panel() {
  const live = source.value.kind !== "photos";
  return (
    <aside class="panel" aria-labelledby="faces-heading">
      <h2 id="faces-heading">{words().people.heading}</h2>
      {live ? <People /> : <PhotoFaces />}
      {live ? <Totals /> : <PhotoTotals />}
      <Keep live={live} />
    </aside>
  );
}

function People() {
  const known = contract.value;
  const result = shown.value;
  const colours = useMemo(() => known?.labels.map((label) => known.colours[label]!) ?? [], [known]);
  if (known === null || session.value === null) return <p class="quiet">{words().people.none}</p>;
  const now_s = result?.timestamp_s ?? 0;
  const present = new Map(result?.faces.map((face) => [face.track!, face]));
  const people = [...session.value.people.values()].filter(
    (person) =>
      present.has(person.number) ||
      (now_s - person.last_s < GONE_AFTER_S && person.answers >= FEWEST_ANSWERS),
  );
  // Who is in view comes first; the sort keeps the order of numbers otherwise.
  people.sort((a, b) => Number(isAway(a, now_s)) - Number(isAway(b, now_s)));
  return (
    <>
      {people.length === 0 && <p class="quiet">{words().people.none}</p>}
      <div class="people" role="group" aria-labelledby="faces-heading">
        {people.map((person) => (
          <PersonCard
            key={person.number}
            person={person}
            face={present.get(person.number) ?? null}
            now_s={now_s}
            colours={colours}
          />
        ))}
      </div>
      <Spoken />
    </>
  );
}

function isAway(person: Person, now_s: number): boolean {
  return now_s - person.last_s > AWAY_AFTER_S;
}

function PersonCard({
  person,
  face,
  now_s,
  colours,
}: {
  person: Person;
  face: FacePrediction | null;
  now_s: number;
  colours: string[];
}) {
  const { labels } = contract.value!;
  const last = useRef<FacePrediction | null>(null);
  if (face !== null) last.current = face;
  const latest = last.current;
  const away = isAway(person, now_s);
  return (
    <Card number={person.number + 1} away={away}>
      <CardHead
        name={fill(words().people.person, { number: person.number + 1 })}
        face={latest}
        away={away}
      />
      {latest !== null && !away && (
        <Bars labels={labels} values={latest.probabilities} shown={latest.label} />
      )}
      <Timeline person={person} now_s={now_s} colours={colours} />
    </Card>
  );
}

/** A face's card; its box stands out in the image while the visitor is at it. */
function Card({
  number,
  away,
  children,
}: {
  number: number;
  away: boolean;
  children: ComponentChildren;
}) {
  const point = () => (pointed.value = number);
  const leave = () => (pointed.value = null);
  useEffect(() => leave, []);
  return (
    <article
      class={away ? "card away" : "card"}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: by keyboard, too, its box stands out
      tabIndex={0}
      onMouseEnter={point}
      onMouseLeave={leave}
      onFocus={point}
      onBlur={leave}
    >
      {children}
    </article>
  );
}

function CardHead({
  name,
  face,
  away,
}: {
  name: string;
  face: FacePrediction | null;
  away: boolean;
}) {
  const label = face === null ? null : contract.value!.labels[face.label]!;
  return (
    <header>
      <p class="name">{name}</p>
      {label !== null && (
        <p class="label">
          <span class="dot" style={{ background: `var(--${label})` }} />
          <strong>{labelWord(label)}</strong>
          {face!.unsure && !away && (
            <span class="chip">
              {words().people.unsure} · {words().reasons[face!.reason ?? "ambiguous"]}
            </span>
          )}
          {away && <span class="chip">{words().people.away}</span>}
        </p>
      )}
    </header>
  );
}

/** Tells a screen reader who shows what, now and then. */
function Spoken() {
  const [text, setText] = useState("");
  const said = useRef(new Map<number, number>());
  const spoken_ms = useRef(0);
  const result = shown.value;
  useEffect(() => {
    const now = performance.now();
    if (result === null || now - spoken_ms.current < SPOKEN_EVERY_MS) return;
    const changed = result.faces.filter((face) => said.current.get(face.track!) !== face.label);
    if (changed.length === 0) return;
    spoken_ms.current = now;
    result.faces.forEach((face) => {
      said.current.set(face.track!, face.label);
    });
    const sentence = changed.map((face) => {
      const label = labelWord(contract.value!.labels[face.label]!);
      return fill(words().people.shows, { number: face.track! + 1, label });
    });
    setText(sentence.join(". "));
  }, [result]);
  return (
    <p class="spoken" role="status">
      {text}
    </p>
  );
}

function Totals() {
  const current = session.value;
  if (current === null || shown.value === null) return null;
  const totals = current.totals();
  const all = totals.reduce((sum, value) => sum + value, 0);
  if (all === 0) return null;
  return (
    <section class="totals">
      <h3>{words().people.totals}</h3>
      <Shares values={totals.map((value) => value / all)} name={words().people.totalsOf} />
      <p class="quiet">
        {fill(words().people.seconds, {
          time: clock(current.length_s),
          frames: current.frames.toLocaleString(language.value),
        })}
      </p>
      {speed.value.fps > 0 && (
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

function PhotoFaces() {
  const photo = photos.value[chosen.value];
  const known = contract.value;
  // The stage says what is wrong with it.
  if (photo?.error != null) return <p class="quiet">{words().people.none}</p>;
  if (photo?.result == null || known === null)
    return <p class="quiet">{words().stage.analysing}</p>;
  if (photo.result.faces.length === 0) return <p class="quiet">{words().stage.noFace}</p>;
  return (
    <div class="people" role="group" aria-labelledby="faces-heading">
      {photo.result.faces.map((face) => (
        <Card key={face.face} number={numberOf(face)} away={false}>
          <CardHead
            name={fill(words().people.face, { number: numberOf(face) })}
            face={face}
            away={false}
          />
          <Bars labels={known.labels} values={face.probabilities} shown={face.label} />
        </Card>
      ))}
    </div>
  );
}

function PhotoTotals() {
  const done = photos.value.filter((photo) => photo.result !== null);
  const faces = done.flatMap((photo) => photo.result!.faces);
  if (done.length < 2 || faces.length === 0) return null;
  const shares = contract.value!.labels.map(
    (_, place) => faces.filter((face) => face.label === place).length / faces.length,
  );
  return (
    <section class="totals">
      <h3>{words().people.photoTotals}</h3>
      <Shares values={shares} name={words().people.photoTotalsOf} />
      <p class="quiet">
        {fill(words().people.images, { count: done.length, faces: faces.length })}
      </p>
    </section>
  );
}

function Keep({ live }: { live: boolean }) {
  const current = session.value;
  const some = live ? shown.value !== null && current !== null : allRows().length > 0;
  const rows = () => (live ? current!.rows() : allRows());
  const said = words().save;
  const begin = () => {
    const now = source.value;
    if (now.kind !== "start" && mayGo()) start(newSession(current!.name, now.signal));
  };
  const save = (write: (name: string) => Promise<void>) => start(noteKept(write(fileName())));
  return (
    <section class="keep">
      <h3>{said.heading}</h3>
      <div class="row">
        <button
          type="button"
          disabled={!some}
          onClick={() => save((name) => saveJson(rows(), name))}
        >
          <SaveIcon /> {said.json}
        </button>
        <button
          type="button"
          disabled={!some}
          onClick={() => save((name) => saveCsv(rows(), name))}
        >
          <SaveIcon /> {said.csv}
        </button>
        <button
          type="button"
          disabled={!some}
          onClick={() =>
            save((name) =>
              live
                ? saveReport(current!, contract.value!, name)
                : savePhotoReport(photos.value, contract.value!, name),
            )
          }
        >
          <SaveIcon /> {said.report}
        </button>
        {live && (
          <button type="button" class="plain" disabled={!some} onClick={begin}>
            {said.clear}
          </button>
        )}
      </div>
      {live && current !== null && current.dropped > 0 && (
        <p class="quiet">
          {fill(said.dropped, { count: current.dropped.toLocaleString(language.value) })}
        </p>
      )}
    </section>
  );
}
