import { beforeEach, describe, expect, test, vi } from "vitest";

import { en } from "../src/words/en";
import { ja } from "../src/words/ja";
import { ko } from "../src/words/ko";

type Tree = { [key: string]: Tree } | string;

/** Every sentence by its path, lists place by place. */
function sentences(words: Tree, path = ""): [string, string][] {
  if (typeof words === "string") return [[path, words]];
  return Object.entries(words).flatMap(([key, inner]) => sentences(inner, `${path}.${key}`));
}

/** The values that a sentence shows; not every language has a plural to choose by a value. */
function places(sentence: string): string[] {
  return [...new Set([...sentence.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!))].sort();
}

const ENGLISH = new Map(sentences(en as unknown as Tree));

describe.each([
  ["ja", ja],
  ["ko", ko],
])("%s", (_, words) => {
  const found = new Map(sentences(words as unknown as Tree));

  test("has every key and no other", () => {
    expect([...found.keys()].sort()).toEqual([...ENGLISH.keys()].sort());
  });

  test("says something everywhere", () => {
    expect([...found].filter(([, sentence]) => sentence.trim() === "")).toEqual([]);
  });

  test("wants the same values in every sentence", () => {
    for (const [path, sentence] of found) {
      expect([path, places(sentence)]).toEqual([path, places(ENGLISH.get(path)!)]);
    }
  });
});

describe("sentences are filled in", () => {
  let index: typeof import("../src/words");

  beforeEach(async () => {
    vi.stubGlobal("navigator", { languages: ["fr-FR", "en-GB"] });
    vi.resetModules();
    index = await import("../src/words");
  });

  test("a browser that keeps nothing gets the first language that is known", () => {
    expect(index.language.value).toBe("en");
    expect(index.words()).toEqual(en);
  });

  test.each([
    [0, "0 photos"],
    [1, "1 photo"],
    [2, "2 photos"],
  ])("%i are %s", (count, text) => {
    expect(index.fill("{count} {count|photo|photos}", { count })).toBe(text);
  });

  test("many things are counted after the first two, one or two more are named", () => {
    expect(index.listed(["a", "b", "c"])).toBe("a, b, c");
    expect(index.listed(["a", "b", "c", "d"])).toBe("a, b and 2 more");
  });

  test("times and shares", () => {
    expect([index.clock(5.9), index.clock(65), index.clock(3725)]).toEqual([
      "0:05",
      "1:05",
      "1:02:05",
    ]);
    expect(index.percent(0.256)).toBe("26%");
    expect(index.percent(0.256, 1)).toBe("25.6%");
  });

  test("a label of any label set has a word, another one is shown as it is", () => {
    index.setLanguage("ja");
    expect(index.labelWord("happy")).toBe(ja.labels.happy);
    expect(index.labelWord("contempt")).toBe(ja.otherLabels.contempt);
    expect(index.labelWord("unheard-of")).toBe("unheard-of");
  });
});
