import type { Signal } from "@preact/signals";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { addPhotos, clearPhotos, photos } from "../src/app/photos";
import { Scope } from "../src/app/scope";
import { engine, loading, trouble } from "../src/app/state";
import type { FrameResult } from "../src/engine/faces";
import { unitsOn } from "../src/units/switch";

vi.mock("../src/words", () => ({}));
vi.mock("../src/units/switch", async () => {
  const { signal } = await import("@preact/signals");
  return { unitsOn: signal(false) };
});
vi.mock("../src/app/state", async () => {
  const { signal } = await import("@preact/signals");
  return {
    contract: signal({ detection: { min_face_px: 24 } }),
    engine: { image: vi.fn() },
    loading: signal({ ready: true }),
    loaded: async () => {},
    canFind: () => new Promise(() => {}),
    trouble: signal(null),
  };
});

const stage = new Scope();
const units = unitsOn as Signal<boolean>;

beforeEach(() => {
  vi.stubGlobal("createImageBitmap", async () => ({ width: 8, height: 8, close: () => {} }));
});

afterEach(() => {
  clearPhotos();
  vi.unstubAllGlobals();
  vi.mocked(engine.image).mockReset();
  trouble.value = null;
  units.value = false;
  loading.value = { ...loading.value, ready: true };
});

/** An answer with one face, whose portrait can be closed. */
function answer(): FrameResult {
  const portraits = [{ person: 0, image: { close: vi.fn() } as unknown as ImageBitmap }];
  const faces = [{ face: 0 }] as FrameResult["faces"];
  return { width: 8, height: 8, timestamp_s: null, faces, portraits };
}

/** The networks break at a question, and are there again when they are waited for. */
async function broken(): Promise<FrameResult> {
  loading.value = { ...loading.value, ready: false };
  throw new Error("out of memory");
}

const add = (...names: string[]) =>
  addPhotos(
    names.map((name) => new File([], name)),
    stage.begin(),
  );
const faults = () => photos.value.map(({ error }) => error?.() ?? null);
const results = () => photos.value.map(({ result }) => result);

test("a photo at which the networks broke is looked at when they are there again", async () => {
  const found = answer();
  vi.mocked(engine.image).mockImplementationOnce(broken).mockResolvedValueOnce(found);
  await add("a.jpg");
  expect([faults(), results(), trouble.value]).toEqual([[null], [found], null]);
});

test("a photo that breaks the networks twice does not keep back those behind it", async () => {
  const found = answer();
  vi.mocked(engine.image)
    .mockImplementationOnce(broken)
    .mockImplementationOnce(broken)
    .mockResolvedValueOnce(found);
  await add("a.jpg", "b.jpg");
  expect([faults(), results()]).toEqual([
    ["a.jpg: out of memory", null],
    [null, found],
  ]);
});

test("without expression units the faces stay, and what went wrong is told", async () => {
  const found = answer();
  vi.mocked(engine.image).mockResolvedValueOnce(found);
  await add("a.jpg");
  vi.mocked(engine.image).mockRejectedValueOnce(new Error("no units"));
  units.value = true;
  await vi.waitUntil(() => trouble.value !== null);
  expect(trouble.value!()).toBe("a.jpg: no units");
  expect([faults(), results()]).toEqual([[null], [found]]);
});

test("portraits are closed when others come, and with their photo", async () => {
  const [first, second] = [answer(), answer()];
  const closed = (result: FrameResult) => vi.mocked(result.portraits![0]!.image.close).mock.calls;
  vi.mocked(engine.image).mockResolvedValueOnce(first).mockResolvedValueOnce(second);
  await add("a.jpg");
  units.value = true;
  await vi.waitUntil(() => results()[0] === second);
  expect([closed(first).length, closed(second).length]).toEqual([1, 0]);
  clearPhotos();
  expect([closed(first).length, closed(second).length]).toEqual([1, 1]);
});

test("photos of the same name are told apart by a number", async () => {
  vi.mocked(engine.image).mockImplementation(async () => answer());
  const signal = stage.begin();
  const files = (names: string[]) => names.map((name) => new File([], name));
  await addPhotos(files(["image.jpg", "image-2.jpg", "image.jpg"]), signal);
  await addPhotos(files(["image.jpg", ".jpg", ".jpg"]), signal);
  expect(photos.value.map(({ name }) => name)).toEqual(
    ["image", "image-2", "image-3", "image-4"]
      .map((stem) => `${stem}.jpg`)
      .concat(".jpg", ".jpg-2"),
  );
});
