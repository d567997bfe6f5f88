import { effect, signal } from "@preact/signals";

import { EngineClient } from "../engine/client";
import { type Contract, readContract } from "../engine/contract";
import { LoadError } from "../engine/fault";
import { store, stored } from "../storage";
import type { Said } from "../words";
import { reasonOf } from "./reason";
import { Scope, start, within } from "./scope";

export type Theme = "auto" | "light" | "dark";
type Route = "start" | "stage" | "play" | "how" | "about";

const THEME = "mien.theme";
const CONTRACT = "models/contract.json";

/** The address of the page itself, under whatever path it is hosted. */
export const BASE = new URL("./", document.baseURI.split("#")[0]).href;

export const contract = signal<Contract | null>(null);
export const engine = new EngineClient();

const NOTHING_LOADED = { share: 0, finds: false, ready: false, threads: 1, error: null };

/** How far the networks and what runs them are. */
export const loading = signal<{
  /** Share of what is loaded that came, 0 to 1. */
  share: number;
  /** Whether faces can be found already. */
  finds: boolean;
  ready: boolean;
  threads: number;
  error: Said | null;
}>(NOTHING_LOADED);

export const theme = signal<Theme>((stored(THEME) as Theme | null) ?? "auto");

/** What can be put onto the stage. */
export type Content = { kind: "camera" } | { kind: "video"; file: File } | { kind: "photos" };

/** What is on the stage, if anything, and for how long. */
export type Source = { kind: "start" } | (Content & { id: number; signal: AbortSignal });

export const source = signal<Source>({ kind: "start" });
export const route = signal<Route>(routeNow());

const stage = new Scope();
let entered = 0;
/** What is asked for on one page is not wanted on the next. */
const view = new Scope();

/** What is to be said about something that did not work. */
export const trouble = signal<Said | null>(null);

/** What the page that explains begins with: the last image that was looked at. */
export const subject = signal<Blob | null>(null);
const subjectChoice = new Scope();

/** Explain this image from now on, or when it is ready, unless another one is chosen first. */
export function setSubject(image: Blob | null | Promise<Blob | null>): void {
  const signal = subjectChoice.begin();
  if (image instanceof Promise) {
    start(
      within(signal, image).then((ready) => {
        subject.value = ready;
      }),
    );
  } else {
    subject.value = image;
  }
}

/** Pack what is drawn on a canvas; null if that is not possible. */
export function packed(canvas: HTMLCanvasElement, type: string): Promise<Blob | null> {
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.85));
}

/** Use other colours from now on, also at the next visit. */
export function setTheme(chosen: Theme): void {
  theme.value = chosen;
  store(THEME, chosen);
}

let started: Promise<void> | null = null;

/** Fetch contract and networks, once; resolves when the engine is ready. */
export function load(): Promise<void> {
  started ??= begin().catch((error: unknown) => {
    failed(error);
    throw error;
  });
  return started;
}

function failed(error: unknown): void {
  started = null;
  const reason = () => reasonOf(error);
  loading.value = { ...loading.value, finds: false, ready: false, error: reason };
}

/** Resolves when the networks are ready, however often the visitor has to try. */
export function loaded(): Promise<void> {
  return until(() => loading.value.ready);
}

/** Resolves when faces can be found, which is earlier. */
export function canFind(): Promise<void> {
  return until(() => loading.value.finds);
}

/** Resolves when a condition on signals holds. */
export function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    effect(function () {
      if (!condition()) return;
      resolve();
      this.dispose();
    });
  });
}

async function begin(): Promise<void> {
  loading.value = NOTHING_LOADED;
  const known = await readContract(BASE).catch((error: unknown) => {
    // Where there is no line, browsers throw this one.
    throw error instanceof TypeError
      ? new LoadError({ kind: "unreachable", file: CONTRACT })
      : error;
  });
  for (const [label, colour] of Object.entries(known.colours)) {
    document.documentElement.style.setProperty(`--${label}`, colour);
  }
  contract.value = known;
  engine.onLoaded = (share) => {
    loading.value = { ...loading.value, share };
  };
  engine.onFailed = failed;
  const threads = await engine.load(known, BASE);
  loading.value = { ...loading.value, finds: true, threads };
  await engine.complete();
  loading.value = { ...loading.value, ready: true };
}

/** The page that the address names; a stage on which nothing is any more is the first view. */
function routeNow(): Route {
  const name = location.hash.replace(/^#\/?/, "");
  if (name === "play" || name === "how" || name === "about") return name;
  if (name === "stage") {
    if (source.value.kind !== "start") return name;
    history.replaceState(null, "", "#/");
  }
  return "start";
}

/** Lasts while the visitor stays on the page that is shown now. */
export function viewSignal(): AbortSignal {
  return view.signal;
}

function goTo(next: Route): void {
  if (next === route.value) return;
  view.begin();
  route.value = next;
}

/** Put something onto the stage; returns the signal that lasts as long as it stays there. */
export function putOnStage(content: Content): AbortSignal {
  const signal = stage.begin();
  source.value = { ...content, id: entered++, signal };
  showStage();
  return signal;
}

/** Show the stage, which is a place of its own in the browser's history. */
export function showStage(): void {
  location.hash = "#/stage";
  goTo("stage");
}

/** Take what is on the stage away from it, and its place out of the history. */
export function leaveStage(): void {
  stage.end();
  source.value = { kind: "start" };
  if (route.value !== "stage") return;
  history.replaceState(null, "", "#/");
  goTo("start");
}

addEventListener("hashchange", () => {
  goTo(routeNow());
  scrollTo({ top: 0 });
});
