import { signal } from "@preact/signals";

import { store, stored } from "../storage";
import { en, type Words } from "./en";
import { ja } from "./ja";
import { ko } from "./ko";

export type { Words };
export const LANGUAGES = { en: "English", ko: "한국어", ja: "日本語" } as const;
export type Language = keyof typeof LANGUAGES;

const ALL: Record<Language, Words> = { en, ko, ja };
const KEY = "mien.language";
/** So many names stand in a sentence before the others are only counted. */
const MOST_NAMED = 2;

function first(): Language {
  const wanted = [stored(KEY) ?? "", ...navigator.languages];
  const known = wanted.map((each) => each.slice(0, 2)).find((each) => each in ALL);
  return (known as Language | undefined) ?? "en";
}

export const language = signal<Language>(first());

/** Speak another language from now on, also at the next visit. */
export function setLanguage(chosen: Language): void {
  language.value = chosen;
  store(KEY, chosen);
}

/** The words of the current language. */
export function words(): Words {
  return ALL[language.value];
}

/** What is said about something, in the language that is spoken when it is shown. */
export type Said = () => string;

/** Put values into a sentence's `{places}`; `{place|one|many}` is the word that its number wants. */
export function fill(sentence: string, values: Record<string, string | number>): string {
  return sentence.replace(
    /\{(\w+)(?:\|(.*?)\|(.*?))?\}/g,
    (_, name: string, one?: string, many?: string) => {
      const value = values[name]!;
      if (one === undefined) return String(value);
      return new Intl.PluralRules(language.value).select(Number(value)) === "one" ? one : many!;
    },
  );
}

/** Name a few things, and count the others. */
export function listed(names: string[]): string {
  const count = names.length - MOST_NAMED;
  if (count < 2) return names.join(", ");
  return fill(words().stage.others, { names: names.slice(0, MOST_NAMED).join(", "), count });
}

/** A label of any label set in the current language. */
export function labelWord(label: string): string {
  const all: Record<string, string> = { ...words().labels, ...words().otherLabels };
  return all[label] ?? label;
}

/** A share as percent, in the current language. */
export function percent(share: number, digits = 0): string {
  return share.toLocaleString(language.value, {
    style: "percent",
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** Seconds as minutes and seconds. */
export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const rest = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}
