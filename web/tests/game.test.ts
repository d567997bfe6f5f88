import { beforeEach, expect, test } from "vitest";

import { Game, ROUND_S } from "../src/game/game";

let closed: string[];
let game: Game;

beforeEach(() => {
  closed = [];
  game = new Game(6);
});

const found = (name: string, ...probabilities: number[]) => ({
  probabilities: [...probabilities, 0, 0, 0, 0, 0, 0].slice(0, 6),
  image: { name, close: () => closed.push(name) } as unknown as ImageBitmap,
});

test("the clock begins with the first face", () => {
  game.see(100, null);
  game.see(100 + 10 * ROUND_S, null);
  expect([game.hasBegun, game.round, game.isOver]).toEqual([false, 0, false]);
  game.see(200, found("a", 0.4));
  expect([game.hasBegun, game.round, game.left_s]).toEqual([true, 0, ROUND_S]);
});

test("each round keeps its best moment, and lets the others go", () => {
  game.see(0, found("low", 0.2));
  game.see(1, found("high", 0.9));
  game.see(2, found("middle", 0.5));
  expect(game.live).toBe(0.5);
  expect(game.takes[0]!.score).toBe(0.9);
  expect(closed).toEqual(["low", "middle"]);
});

test("a frame counts for the round in which it was taken", () => {
  game.see(0, found("first", 0.2, 0.7));
  game.see(ROUND_S, found("second", 0.2, 0.7));
  expect(game.round).toBe(1);
  expect(game.takes.slice(0, 2).map(({ score }) => score)).toEqual([0.2, 0.7]);
});

test("rounds go by while the face is away, and have no score", () => {
  game.see(0, found("first", 0.2));
  game.see(2.5 * ROUND_S, null);
  expect([game.round, game.live]).toEqual([2, 0]);
  expect(game.takes[1]).toEqual({ score: 0, image: null });
});

test("it is over after thirty seconds, and what comes later does not count", () => {
  game.see(0, found("first", 0.2));
  game.see(30, found("late", 0, 0, 0, 0, 0, 1));
  expect(game.isOver).toBe(true);
  expect(game.takes[5]).toEqual({ score: 0, image: null });
  game.close();
  expect(closed).toEqual(["late", "first"]);
});
