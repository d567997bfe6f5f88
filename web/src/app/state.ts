import { computed, effect, signal } from "@preact/signals";

import { EngineClient } from "../engine/client";
import { readContract, type Contract } from "../engine/contract";
import { keep, kept } from "../kept";

export type Theme = "auto" | "light" | "dark";
export type Route = "live" | "how" | "about";

const THEME = "mien.theme";

/** The address of the page itself, under whatever path it is hosted. */
export const BASE = new URL("./", document.baseURI.split("#")[0]).href;

export const contract = signal<Contract | null>(null);
export const engine = new EngineClient();

/** How far the networks are: bytes that came, or an error. */
export const loading = signal<{ bytes: number; ready: boolean; threads: number; error: string | null }>({
  bytes: 0,
  ready: false,
  threads: 1,
  error: null,
});

/** Share of the networks that came, 0 to 1. */
export const loadedShare = computed(() => {
  const known = contract.value;
  if (known === null) return 0;
  return Math.min(1, loading.value.bytes / (known.face.bytes + known.emotion.bytes));
});

export const route = signal<Route>(routeNow());
export const theme = signal<Theme>((kept(THEME) as Theme | null) ?? "auto");

/** What is on the stage. */
export type Source =
  | { kind: "start" }
  | { kind: "camera" }
  | { kind: "film"; file: File }
  | { kind: "photos" };

export const source = signal<Source>({ kind: "start" });

/** A sentence about something that did not work. */
export const trouble = signal<string | null>(null);

/** What the page that explains begins with: the last picture that was looked at. */
export const subject = signal<Blob | null>(null);

/** Wear other colours from now on, also at the next visit. */
export function wear(chosen: Theme): void {
  theme.value = chosen;
  keep(THEME, chosen);
}

let started: Promise<void> | null = null;

/** Fetch contract and networks, once; resolves when the engine is ready. */
export function load(): Promise<void> {
  started ??= begin().catch((error: unknown) => {
    failed(error instanceof Error ? error.message : String(error));
    throw error;
  });
  return started;
}

function failed(reason: string): void {
  started = null;
  loading.value = { ...loading.value, ready: false, error: reason };
}

/** Resolves when the networks are ready, however often the visitor has to try. */
export function loaded(): Promise<void> {
  return new Promise((resolve) => {
    effect(function () {
      if (!loading.value.ready) return;
      resolve();
      this.dispose();
    });
  });
}

async function begin(): Promise<void> {
  loading.value = { bytes: 0, ready: false, threads: 1, error: null };
  const known = await readContract(BASE);
  for (const [label, colour] of Object.entries(known.colours)) {
    document.documentElement.style.setProperty(`--${label}`, colour);
  }
  contract.value = known;
  engine.onLoaded = (bytes) => {
    loading.value = { ...loading.value, bytes: loading.value.bytes + bytes };
  };
  engine.onFailed = (error) => failed(error.message);
  const threads = await engine.load(known, BASE);
  loading.value = { ...loading.value, ready: true, threads };
}

function routeNow(): Route {
  const name = location.hash.replace(/^#\/?/, "");
  return name === "how" || name === "about" ? name : "live";
}

/** Go back to where something is looked at. */
export function goLive(): void {
  if (route.value !== "live") location.hash = "#/";
}

addEventListener("hashchange", () => {
  route.value = routeNow();
  scrollTo({ top: 0 });
});
