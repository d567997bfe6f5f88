import { useMemo, useState } from "preact/hooks";

import type { Episode } from "../app/episodes";
import { session } from "../app/live";
import { contract } from "../app/state";
import { clock, fill, labelWord, words } from "../words";
import { progress } from "./analysis";
import { seekTo } from "./playhead";

/** So many are listed before the visitor asks for all. */
const FEW = 6;
/** While a video is read they are looked for after so many more frames. */
const EVERY_FRAMES = 300;

interface Moment {
  time_s: number;
  person: number;
  from: number;
  to: number;
}

/** The moments at which somebody's expression changes, as links into the video. */
export function Moments() {
  const [all, setAll] = useState(false);
  const now = progress.value;
  const part = now === null ? 0 : now.isDone ? "done" : Math.floor(now.frames / EVERY_FRAMES);
  const moments = useMemo(() => changes(session.value?.episodes() ?? []), [session.value, part]);
  if (now === null || moments.length === 0) return null;
  const { labels } = contract.value!;
  const said = words().video;
  const label = (place: number) => labelWord(labels[place]!);
  return (
    <section class="moments" aria-labelledby="moments-heading">
      <h2 id="moments-heading">{said.moments}</h2>
      <ol>
        {(all ? moments : moments.slice(0, FEW)).map(({ time_s, person, from, to }) => (
          <li key={`${time_s} ${person}`}>
            <button type="button" onClick={() => seekTo(time_s, now.first_s)}>
              <span class="time">{clock(time_s)}</span>
              <span>{fill(words().people.person, { number: person + 1 })}</span>
              <span class="quiet">
                <span class="dot" style={{ background: `var(--${labels[from]!})` }} /> {label(from)}
                {" → "}
                <span class="dot" style={{ background: `var(--${labels[to]!})` }} /> {label(to)}
              </span>
            </button>
          </li>
        ))}
      </ol>
      {moments.length > FEW && (
        <button type="button" class="link" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? said.fewer : fill(said.allMoments, { count: moments.length })}
        </button>
      )}
    </section>
  );
}

/** Where one episode of a person is followed by one of another expression. */
export function changes(episodes: Episode[]): Moment[] {
  const last = new Map<number, number>();
  return episodes.flatMap(({ person, label, start_s }) => {
    const from = last.get(person);
    last.set(person, label);
    if (from === undefined || from === label) return [];
    return [{ time_s: start_s, person, from, to: label }];
  });
}
