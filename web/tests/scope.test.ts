import { expect, test, vi } from "vitest";

import { Scope, Superseded, start, within } from "../src/app/scope";

/** A promise that is settled from outside. */
function question<Value>() {
  let resolve!: (value: Value) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<Value>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

test("an answer in time is handed on", async () => {
  const scope = new Scope();
  const signal = scope.begin();
  await expect(within(signal, Promise.resolve(7))).resolves.toBe(7);
  await expect(within(signal, Promise.reject(new Error("no")))).rejects.toThrow("no");
});

test("the end of the scope ends the wait at once, and a late answer is only thrown away", async () => {
  const scope = new Scope();
  const { promise, resolve } = question<string>();
  const discard = vi.fn();
  const waiting = within(scope.begin(), promise, discard);
  scope.end();
  await expect(waiting).rejects.toBeInstanceOf(Superseded);
  expect(discard).not.toHaveBeenCalled();
  resolve("late");
  await promise;
  expect(discard).toHaveBeenCalledExactlyOnceWith("late");
});

test("an answer that came just before the end is not handed on any more", async () => {
  const scope = new Scope();
  const { promise, resolve } = question<string>();
  const discard = vi.fn();
  const waiting = within(scope.begin(), promise, discard);
  resolve("too late");
  scope.end();
  await expect(waiting).rejects.toBeInstanceOf(Superseded);
  expect(discard).toHaveBeenCalledExactlyOnceWith("too late");
});

test("a late failure is told to nobody", async () => {
  const scope = new Scope();
  const { promise, reject } = question<string>();
  const waiting = within(scope.begin(), promise);
  scope.end();
  reject(new Error("late"));
  await expect(waiting).rejects.toBeInstanceOf(Superseded);
});

test("who asks in a scope that is over is not answered", async () => {
  const scope = new Scope();
  const signal = scope.begin();
  scope.begin();
  await expect(within(signal, Promise.resolve(7))).rejects.toBeInstanceOf(Superseded);
});

test("a scope is over with its parent, and with the next thing that has its place", () => {
  const [parent, child] = [new Scope(), new Scope()];
  const outer = parent.begin();
  const first = child.begin(outer);
  const second = child.begin(outer);
  expect([first.aborted, second.aborted]).toEqual([true, false]);
  parent.begin();
  expect([outer.aborted, second.aborted]).toEqual([true, true]);
  expect(child.begin(outer).aborted).toBe(true);
  expect(child.begin().aborted).toBe(false);
});

test("a job that was superseded has not failed", async () => {
  start(Promise.reject(new Superseded()));
  await new Promise((resolve) => setImmediate(resolve));
});
