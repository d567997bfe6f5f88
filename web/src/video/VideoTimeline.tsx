import { useEffect, useRef, useState } from "preact/hooks";

import { Crop } from "../app/Crop";
import { session } from "../app/live";
import { pointed } from "../app/overlay";
import type { Person, Session } from "../app/session";
import { contract } from "../app/state";
import { clock, fill, words } from "../words";
import { progress } from "./analysis";
import { playhead_s, seekTo } from "./playhead";

/** Heights in CSS pixels; the style sheet gives the portraits beside the lanes the same. */
const LANE_PX = 32;
const GAP_PX = 6;
/** More people have no lane before the visitor asks for them. */
const FEW = 4;
/** A person who is not seen for longer is away. */
const LONGEST_S = 0.5;
const STEP_S = 1;
const PAGE_S = 10;

/** What everybody shows over the whole video; a click shows that moment. */
export function VideoTimeline() {
  const now = progress.value;
  const [all, setAll] = useState(false);
  const found = session.value;
  if (now === null || found === null) return null;
  const people = [...found.people.values()].sort((a, b) => b.answers - a.answers);
  const lanes = (all ? people : people.slice(0, FEW)).sort((a, b) => a.number - b.number);
  const said = words().video;
  const seek = (time_s: number) => seekTo(time_s, now.first_s);
  return (
    <div class="whole">
      <div class="lanes">
        <ul class="lane-heads">
          {lanes.map((person) => (
            <li key={person.number}>
              <LaneHead person={person} seek={seek} />
            </li>
          ))}
        </ul>
        <Lanes found={found} lanes={lanes} length_s={Math.max(now.length_s, 1e-3)} seek={seek} />
      </div>
      <div class="ends">
        <span>{clock(0)}</span>
        {people.length > FEW && (
          <button type="button" class="link" aria-expanded={all} onClick={() => setAll(!all)}>
            {all ? said.fewer : fill(said.allPeople, { count: people.length })}
          </button>
        )}
        <span>{clock(now.length_s)}</span>
      </div>
    </div>
  );
}

function LaneHead({ person, seek }: { person: Person; seek: (time_s: number) => void }) {
  const number = person.number + 1;
  const name = fill(words().people.person, { number });
  const leave = () => (pointed.value = null);
  return (
    <button
      type="button"
      class="lane-head"
      title={name}
      aria-label={fill(words().video.first, { name })}
      onClick={() => seek(person.first_s)}
      onMouseEnter={() => (pointed.value = number)}
      onMouseLeave={leave}
      onFocus={() => (pointed.value = number)}
      onBlur={leave}
    >
      <Crop image={person.portrait} number={number} />
    </button>
  );
}

function Lanes({
  found,
  lanes,
  length_s,
  seek,
}: {
  found: Session;
  lanes: Person[];
  length_s: number;
  seek: (time_s: number) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const redraw = useRef(() => {});
  redraw.current = () => {
    // The timeline may be gone: a video that is read anew has none for a moment.
    if (canvas.current !== null) draw(canvas.current, found, lanes, length_s);
  };
  useEffect(() => redraw.current(), [found, progress.value, lanes.length, length_s]);
  useEffect(() => {
    const watching = new ResizeObserver(() => redraw.current());
    watching.observe(canvas.current!);
    return () => watching.disconnect();
  }, []);
  const time_s = Math.min(Math.max(playhead_s.value, 0), length_s);
  const read = progress.value?.isDone ? 1 : Math.min(1, found.length_s / length_s);

  const at = (event: PointerEvent) => {
    const { left, width } = canvas.current!.getBoundingClientRect();
    seek(Math.min(Math.max((event.clientX - left) / width, 0), 1) * length_s);
  };
  const down = (event: PointerEvent) => {
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    at(event);
  };
  const key = (event: KeyboardEvent) => {
    const moves: Record<string, number> = {
      ArrowLeft: time_s - STEP_S,
      ArrowDown: time_s - STEP_S,
      ArrowRight: time_s + STEP_S,
      ArrowUp: time_s + STEP_S,
      PageDown: time_s - PAGE_S,
      PageUp: time_s + PAGE_S,
      Home: 0,
      End: length_s,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    event.preventDefault();
    seek(Math.min(Math.max(to, 0), length_s));
  };
  return (
    <div
      class="lanes-of"
      role="slider"
      tabIndex={0}
      aria-label={words().video.position}
      aria-valuemin={0}
      aria-valuemax={Math.round(length_s)}
      aria-valuenow={Math.round(time_s)}
      aria-valuetext={clock(time_s)}
      onPointerDown={down}
      onPointerMove={(event) => event.buttons === 1 && at(event)}
      onKeyDown={key}
    >
      <canvas ref={canvas} style={{ height: `${height(lanes.length)}px` }} />
      <span class="unread" style={{ left: `${100 * read}%` }} />
      <span class="playhead" style={{ left: `${(100 * time_s) / length_s}%` }} />
    </div>
  );
}

function height(count: number): number {
  return Math.max(1, count) * (LANE_PX + GAP_PX) - GAP_PX;
}

/** Stacked probabilities of each person, a lane each. */
function draw(canvas: HTMLCanvasElement, found: Session, lanes: Person[], length_s: number): void {
  const ratio = devicePixelRatio || 1;
  const { labels, colours } = contract.value!;
  const width = Math.round(canvas.clientWidth * ratio);
  canvas.width = Math.max(1, width);
  canvas.height = Math.round(height(lanes.length) * ratio);
  const drawn = canvas.getContext("2d")!;
  const perSecond = width / length_s;
  const tall = LANE_PX * ratio;
  lanes.forEach((person, lane) => {
    const above = lane * (LANE_PX + GAP_PX) * ratio;
    person.bins.forEach(({ bin, sums, count }, place) => {
      const next = person.bins[place + 1]?.bin ?? bin + 1;
      // Where frames are rarer than points there is no gap; where somebody is away there is one.
      const bins = (next - bin) * found.bin_s <= LONGEST_S ? next - bin : 1;
      const left = bin * found.bin_s * perSecond;
      const wide = Math.max(bins * found.bin_s * perSecond + 0.5, 1);
      let top = above;
      sums.forEach((sum, label) => {
        const share = (sum / count) * tall;
        drawn.fillStyle = colours[labels[label]!]!;
        drawn.fillRect(left, top, wide, share);
        top += share;
      });
    });
  });
}
