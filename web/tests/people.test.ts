import { expect, test } from "vitest";

import { searches } from "../../tests/parity/people.json";
import { People } from "../src/engine/people";
import { PEOPLE } from "./rules";

test("tracks become people by Python's table and keep their numbers", () => {
  const people = new People(PEOPLE);
  for (const { tracks, scores, timestamp_s, numbers } of searches) {
    people.observe(tracks, scores, timestamp_s);
    const found = tracks.map((track) =>
      people.isPerson(track, timestamp_s) ? people.number(track) : null,
    );
    expect(found).toEqual(numbers);
  }
});

test("a track that is forgotten is nobody, and its number does not come again", () => {
  const people = new People(PEOPLE);
  people.observe([0, 1], [0.95, 0.95], 0);
  expect([people.number(0), people.number(1)]).toEqual([0, 1]);
  people.forgetAllBut(new Set([0]));
  expect([people.isPerson(0, 0), people.isPerson(1, 0)]).toEqual([true, false]);
  people.observe([2], [0.95], 1);
  expect(people.number(2)).toBe(2);
});
