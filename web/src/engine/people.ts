/**
 * Which tracks are people: the same rule as in Python (`mien.track.people`, held together by the
 * vectors in `tests/parity/people.json`). Nothing is held back here: a face is shown from the
 * detection on with which its track becomes a person's.
 */

import type { Contract } from "./contract";

interface Candidate {
  /** Searches since its first detection; 0 before it begins anew. */
  searches: number;
  /** For each line of the rule, the detections that count, and the time of the first. */
  counts: number[];
  first_s: number[];
}

/** Gives tracks that are people their numbers. */
export class People {
  private candidates = new Map<number, Candidate>();
  /** The number of each track that is a person; null before it was asked for. */
  private people = new Map<number, number | null>();
  private next = 0;

  constructor(private readonly options: Contract["people"]) {}

  /** Note the faces that were detected in a frame, or that there were none. */
  observe(tracks: number[], scores: number[], timestamp_s: number): void {
    for (const track of tracks) {
      const candidate = this.candidates.get(track);
      if (this.people.has(track) || (candidate !== undefined && candidate.searches > 0)) continue;
      const counts = this.options.enough.map(() => 0);
      const first_s = this.options.enough.map(() => timestamp_s);
      this.candidates.set(track, { searches: 0, counts, first_s });
    }
    const found = new Map(tracks.map((track, place) => [track, scores[place]!]));
    for (const [track, candidate] of [...this.candidates]) {
      const score = found.get(track);
      if (score !== undefined && this.isEnough(candidate, score, timestamp_s)) {
        this.candidates.delete(track);
        this.people.set(track, null);
      } else if (score !== undefined || candidate.searches > 0) {
        this.noteSearch(candidate);
      }
    }
  }

  isPerson(track: number): boolean {
    return this.people.has(track);
  }

  /** The number of a track that is a person, from 0 in the order in which they are asked for. */
  number(track: number): number {
    const number = this.people.get(track) ?? this.next++;
    this.people.set(track, number);
    return number;
  }

  forgetAllBut(tracks: Set<number>): void {
    for (const known of [this.people, this.candidates]) {
      for (const track of [...known.keys()]) if (!tracks.has(track)) known.delete(track);
    }
  }

  private isEnough(candidate: Candidate, score: number, timestamp_s: number): boolean {
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
