import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { download } from "../src/app/save";
import { Scope, Superseded } from "../src/app/scope";
import type { Session } from "../src/app/session";
import type { Contract } from "../src/engine/contract";
import { saveDrawnVideo, writing } from "../src/video/drawn";
import { Conversion } from "../src/video/muxing";

const SIZE = 2;
const file = vi.hoisted(() => ({ begin_s: 0 }));
const TRACK = {
  canDecode: async () => true,
  getDisplayWidth: async () => SIZE,
  getDisplayHeight: async () => SIZE,
};

vi.mock("../src/app/overlay", () => ({}));
vi.mock("../src/app/save", () => ({ download: vi.fn() }));
vi.mock("../src/units/drawn", () => ({}));
vi.mock("../src/video/container", () => ({}));
vi.mock("../src/video/decoding", () => ({
  inputOf: () => ({
    getPrimaryVideoTrack: async () => TRACK,
    getPrimaryAudioTrack: async () => null,
    getFirstTimestamp: async () => file.begin_s,
    dispose: () => {},
  }),
}));
vi.mock("../src/video/muxing", () => ({
  getFirstEncodableVideoCodec: async () => "avc",
  Mp4OutputFormat: class {
    mimeType = "video/mp4";
    fileExtension = ".mp4";
  },
  Output: class {},
  QUALITY_HIGH: {},
  StreamTarget: class {},
  Conversion: { init: vi.fn() },
}));
vi.mock("../src/words", () => ({}));

interface Options {
  trim: { start: number };
  video: { process(frame: { timestamp: number; draw(): void }): unknown };
}

const SESSION = { fault: null } as Session;
const scope = new Scope();

beforeEach(() => {
  vi.stubGlobal("VideoEncoder", class {});
  vi.stubGlobal("document", { createElement: () => ({ getContext: () => ({}) }) });
});

afterEach(() => {
  vi.clearAllMocks();
  vi.unstubAllGlobals();
});

/** Save a video whose writing is begun and done by these. */
function saved(init: () => void, execute: () => void): Promise<void> {
  vi.mocked(Conversion.init).mockImplementation(async () => {
    init();
    const made = { isValid: true, execute: async () => execute(), cancel: async () => {} };
    return made as unknown as Conversion;
  });
  const signal = scope.begin();
  return saveDrawnVideo(new File([], "a.mp4"), SESSION, 0, {} as Contract, "mien", signal);
}

test("a video that is closed while its copy is begun is not written", async () => {
  const execute = vi.fn();
  await expect(saved(() => scope.end(), execute)).rejects.toBeInstanceOf(Superseded);
  expect(execute).not.toHaveBeenCalled();
  expect([writing.value, vi.mocked(download).mock.calls]).toEqual([null, []]);
});

test("a video that is closed as its copy is done is not offered", async () => {
  await expect(saved(vi.fn(), () => scope.end())).rejects.toBeInstanceOf(Superseded);
  expect([writing.value, vi.mocked(download).mock.calls]).toEqual([null, []]);
});

test("a copy is offered once, and its session is let go of when it is over", async () => {
  await saved(vi.fn(), vi.fn());
  expect(vi.mocked(download).mock.calls.map(([, ...rest]) => rest)).toEqual([
    ["video/mp4", "mien.mp4"],
  ]);
  expect(writing.value).toEqual({ session: SESSION, share: null, fault: null });
  scope.end();
  expect(writing.value).toBeNull();
});

test.each([
  ["its sound begins before it", 0, 0.5, 0],
  ["it begins late", 1.4, 1.4, 1.4],
  ["the first frames of the file are not shown", -1.6, 0.03, 0],
  ["frames of times below 0 are shown", -1.2, -1.2, -1.2],
])(
  "the results of a video are drawn into their frames where %s",
  async (_, begin_s, first_s, start_s) => {
    file.begin_s = begin_s;
    const at = vi.fn(() => null);
    const session = { fault: null, at } as unknown as Session;
    vi.mocked(Conversion.init).mockImplementation(async (options) => {
      const { trim, video } = options as unknown as Options;
      expect(trim).toEqual({ start: start_s });
      // The first frame of the copy that was analysed: the library counts from where the copy starts.
      video.process({ timestamp: first_s - trim.start, draw: () => {} });
      return { isValid: true, execute: async () => {} } as unknown as Conversion;
    });
    const given = new File([], "a.mp4");
    await saveDrawnVideo(given, session, first_s, {} as Contract, "mien", scope.begin());
    expect(at.mock.calls).toEqual([[expect.closeTo(0, 9)]]);
  },
);
