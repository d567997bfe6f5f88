/**
 * Episodes: the times in which a person shows one expression, by the same rule as in Python
 * (`mien.study.events`). Frames in a row that show the same expression are a run; a run whose
 * expression was shown a moment before joins that one, and short ones are left out at the end.
 */
import type { Contract } from "../engine/contract";
import { track_timeout_s } from "../engine/timeout";

export interface Episode {
  person: number;
  label: number;
  start_s: number;
  end_s: number;
  /** The label's mean probability over the frames that show it. */
  mean_confidence: number;
  /** The share of these frames with an unsure answer. */
  unsure_share: number;
}

export interface Answer {
  time_s: number;
  person: number;
  label: number;
  confidence: number;
  unsure: boolean;
}

/** So long lasts the only frame of a person. */
const ONE_FRAME_S = 0.04;
/** Times are sums; a run of exactly the shortest duration is long enough. */
const TOLERANCE_S = 1e-9;

interface Run {
  label: number;
  start_s: number;
  end_s: number;
  total: number;
  unsure: number;
  count: number;
}

type Rules = Pick<Contract, "events" | "tracking" | "track_timeout">;

/** The episodes of all people, in order of time. */
export function findEpisodes(answers: Iterable<Answer>, rules: Rules): Episode[] {
  const people = new Map<number, Answer[]>();
  for (const answer of answers) {
    const own = people.get(answer.person);
    if (own === undefined) people.set(answer.person, [answer]);
    else own.push(answer);
  }
  const episodes = [...people].flatMap(([person, own]) => ofPerson(person, own, rules));
  return episodes.sort((a, b) => a.start_s - b.start_s || a.person - b.person);
}

function ofPerson(person: number, answers: Answer[], rules: Rules): Episode[] {
  const { min_duration_s, max_gap_s } = rules.events;
  const joined: Run[] = [];
  for (const run of runs(answers, rules)) {
    const place = joins(joined, run, max_gap_s);
    if (place === null) {
      joined.push(run);
      continue;
    }
    joined.length = place + 1;
    const earlier = joined[place]!;
    earlier.end_s = run.end_s;
    earlier.total += run.total;
    earlier.unsure += run.unsure;
    earlier.count += run.count;
  }
  return joined
    .filter((run) => run.end_s - run.start_s >= min_duration_s - TOLERANCE_S)
    .map(({ label, start_s, end_s, total, unsure, count }) => ({
      person,
      label,
      start_s,
      end_s,
      mean_confidence: total / count,
      unsure_share: unsure / count,
    }));
}

/** The longest stretches of frames that show one expression without an absence. */
function runs(answers: Answer[], rules: Rules): Run[] {
  const durations = durations_s(answers, rules);
  const found: Run[] = [];
  answers.forEach(({ time_s, label, confidence, ...answer }, place) => {
    const unsure = answer.unsure ? 1 : 0;
    const end_s = time_s + durations[place]!;
    const last = found.at(-1);
    if (last?.label === label && time_s <= last.end_s + TOLERANCE_S) {
      last.end_s = end_s;
      last.total += confidence;
      last.unsure += unsure;
      last.count++;
    } else {
      found.push({ label, start_s: time_s, end_s, total: confidence, unsure, count: 1 });
    }
  });
  return found;
}

/** How long each frame of a person lasts: until the next one, unless the person is away then. */
function durations_s(answers: Answer[], { tracking, track_timeout }: Rules): number[] {
  const steps = answers.slice(1).map(({ time_s }, place) => time_s - answers[place]!.time_s);
  if (steps.length === 0) return [ONE_FRAME_S];
  const sorted = [...steps].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const usual_s = sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
  const longest_s = track_timeout_s(tracking.max_gap_s, usual_s, track_timeout);
  return [...steps.map((step) => (step > longest_s ? usual_s : step)), usual_s];
}

/** The place of the earlier run that this one goes on with; null for none. */
function joins(joined: Run[], run: Run, max_gap_s: number): number | null {
  for (let place = joined.length - 1; place >= 0; place--) {
    const earlier = joined[place]!;
    if (run.start_s - earlier.end_s > max_gap_s + TOLERANCE_S) return null;
    if (earlier.label === run.label) return place;
  }
  return null;
}
