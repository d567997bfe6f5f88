/**
 * Which tracks are people: the same rule as in Python (`mien.track.people`, held together by the
 * vectors in `tests/parity/people.json`). With a camera nothing is held back: a face is shown from
 * the detection on with which its track becomes a person's. The frames of a video wait until it is
 * known (`held.ts`).
 */

import type { Contract } from "./contract";

interface Candidate {
  /** From when on its faces may be a person's; null from its beginning on. */
  since_s: number | null;
  /** Searches since then; 0 before it begins anew. */
  searches: number;
  newest_s: number;
  /** For each line of the rule, the detections that count, and the time of the first. */
  counts: number[];
  first_s: number[];
}

interface Person {
  since_s: number | null;
  /** Null before it was asked for. */
  number: number | null;
}

/** Decides which tracks of one clip are people, and numbers these. */
export class People {
  private candidates = new Map<number, Candidate>();
  private people = new Map<number, Person>();
  private next = 0;

  constructor(private readonly options: Contract["people"]) {}

  /** Note the faces that were detected in a frame, or that there were none. */
  observe(tracks: number[], scores: number[], timestamp_s: number): void {
    const found = new Map(tracks.map((track, place) => [track, scores[place]!]));
    for (const [track, candidate] of this.candidates) {
      if (candidate.searches === 0 && found.has(track)) {
        this.candidates.set(track, this.begin(timestamp_s, timestamp_s));
      }
    }
    for (const track of tracks) {
      if (this.people.has(track) || this.candidates.has(track)) continue;
      this.candidates.set(track, this.begin(null, timestamp_s));
    }
    for (const [track, candidate] of [...this.candidates]) {
      const score = found.get(track);
      if (score !== undefined && this.isEnough(candidate, score, timestamp_s)) {
        this.admit(track, candidate);
      } else if (score !== undefined || candidate.searches > 0) {
        this.noteSearch(candidate);
      }
    }
  }

  /** Decide about the tracks that are still seen at the end of a clip of a length. */
  end(duration_s: number): void {
    const enough_s = Math.min(this.options.enough.at(-1)!.duration_s, duration_s / 2);
    for (const [track, candidate] of [...this.candidates]) {
      const lasted_s = candidate.newest_s - candidate.first_s.at(-1)!;
      if (candidate.searches > 0 && lasted_s >= enough_s) this.admit(track, candidate);
    }
  }

  /** Whether the face of a track at some time is known to be a person's. */
  isPerson(track: number, timestamp_s: number): boolean {
    const person = this.people.get(track);
    return person !== undefined && isAfter(timestamp_s, person.since_s);
  }

  /** Whether the face of a track at some time may turn out to be a person's. */
  mayBecome(track: number, timestamp_s: number): boolean {
    const candidate = this.candidates.get(track);
    if (candidate === undefined || candidate.searches === 0) return false;
    return isAfter(timestamp_s, candidate.since_s);
  }

  /** The number of a track that is a person, from 0 in the order in which they are asked for. */
  number(track: number): number {
    const person = this.people.get(track)!;
    person.number ??= this.next++;
    return person.number;
  }

  forgetAllBut(tracks: Set<number>): void {
    for (const known of [this.people, this.candidates]) {
      for (const track of [...known.keys()]) if (!tracks.has(track)) known.delete(track);
    }
  }

  private begin(since_s: number | null, timestamp_s: number): Candidate {
    const counts = this.options.enough.map(() => 0);
    const first_s = this.options.enough.map(() => timestamp_s);
    return { since_s, searches: 0, newest_s: timestamp_s, counts, first_s };
  }

  private admit(track: number, { since_s }: Candidate): void {
    this.candidates.delete(track);
    this.people.set(track, { since_s, number: null });
  }

  private isEnough(candidate: Candidate, score: number, timestamp_s: number): boolean {
    candidate.newest_s = timestamp_s;
    let is_enough = false;
    this.options.enough.forEach((line, place) => {
      if (score < line.score) return;
      if (candidate.counts[place] === 0) candidate.first_s[place] = timestamp_s;
      candidate.counts[place]!++;
      const lasted_s = timestamp_s - candidate.first_s[place]!;
      is_enough ||= candidate.counts[place]! >= line.detections && lasted_s >= line.duration_s;
    });
    return is_enough;
  }

  /** Count a search; a candidate that is seldom found begins anew. */
  private noteSearch(candidate: Candidate): void {
    candidate.searches++;
    const { min_share, min_share_searches } = this.options;
    const is_seldom = candidate.counts.at(-1)! < min_share * candidate.searches;
    if (candidate.searches >= min_share_searches && is_seldom) candidate.searches = 0;
  }
}

function isAfter(timestamp_s: number, since_s: number | null): boolean {
  return since_s === null || timestamp_s >= since_s;
}
