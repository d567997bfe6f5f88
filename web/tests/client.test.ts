import { beforeEach, expect, test, vi } from "vitest";

import { EngineClient } from "../src/engine/client";
import type { Contract } from "../src/engine/contract";
import type { Answer, Question } from "../src/engine/protocol";

class FakeWorker {
  static all: FakeWorker[] = [];
  readonly asked: Question[] = [];
  terminated = false;
  onmessage: (event: { data: Answer }) => void = () => {};
  onerror: (event: { message: string }) => void = () => {};

  constructor() {
    FakeWorker.all.push(this);
  }

  postMessage(question: Question): void {
    this.asked.push(question);
  }

  terminate(): void {
    this.terminated = true;
  }

  answer(number: number, answer: unknown): void {
    this.onmessage({ data: { id: this.asked[number]!.id, answer } });
  }
}

const load = (client: EngineClient) => client.load({} as Contract, "http://host/");

beforeEach(() => {
  FakeWorker.all = [];
  vi.stubGlobal("Worker", FakeWorker);
});

test("answers find their questions, in whatever order they come", async () => {
  const client = new EngineClient();
  const [first, second] = [load(client), client.reset()];
  const [worker] = FakeWorker.all;
  worker!.answer(1, null);
  worker!.answer(0, 4);
  expect(await Promise.all([first, second])).toEqual([4, null]);
});

test("what the worker cannot do is told where it was asked for", async () => {
  const client = new EngineClient();
  const asked = client.reset();
  FakeWorker.all[0]!.onmessage({ data: { id: 0, error: "no" } });
  await expect(asked).rejects.toThrow("no");
});

test("a download that failed is told by its kind, for which the page has words", async () => {
  const client = new EngineClient();
  const asked = client.loadUnits("http://host/");
  const fault = { kind: "unreachable", file: "units.onnx" } as const;
  FakeWorker.all[0]!.onmessage({ data: { id: 0, error: "Failed to fetch", fault } });
  await expect(asked).rejects.toMatchObject({ fault });
});

test("a worker that broke answers nothing more, until the networks are loaded anew", async () => {
  const client = new EngineClient();
  client.onFailed = vi.fn();
  const waiting = load(client);
  FakeWorker.all[0]!.onerror({ message: "out of memory" });
  await expect(waiting).rejects.toThrow("out of memory");
  await expect(client.reset()).rejects.toThrow("out of memory");
  expect(client.onFailed).toHaveBeenCalledTimes(1);
  const again = load(client);
  FakeWorker.all[1]!.answer(0, 1);
  expect(await again).toBe(1);
});

test("what a worker says after it was replaced is not heard", async () => {
  const client = new EngineClient();
  client.onLoaded = vi.fn();
  client.onFailed = vi.fn();
  const waiting = load(client);
  const again = load(client);
  await expect(waiting).rejects.toThrow("loaded anew");
  const [old, current] = FakeWorker.all;
  expect(old!.terminated).toBe(true);
  old!.onmessage({ data: { share: 1000 } });
  old!.onerror({ message: "late" });
  expect(client.onLoaded).not.toHaveBeenCalled();
  expect(client.onFailed).not.toHaveBeenCalled();
  current!.onmessage({ data: { share: 10 } });
  current!.answer(0, 2);
  expect(await again).toBe(2);
  expect(client.onLoaded).toHaveBeenCalledExactlyOnceWith(10);
});
