/** Whether the visitor wants expression units; only then their network is fetched. */
import { computed, effect, signal, untracked } from "@preact/signals";

import { reasonOf } from "../app/reason";
import { BASE, contract, engine, loading } from "../app/state";
import type { Said } from "../words";

export const wanted = signal(false);

interface Fetching {
  /** Share of it that came, 0 to 1. */
  share: number;
  ready: boolean;
  error: Said | null;
}

/** How far the network is; null where it was not asked for. */
export const fetching = signal<Fetching | null>(null);

/** Whether the browser keeps the network from an earlier visit: nothing has to travel then. */
export const isKept = signal(false);

/** Whether units can be asked of the engine, and are wanted. */
export const unitsOn = computed(() => wanted.value && fetching.value?.ready === true);

/** Resolves when it is known whether units can be had; true if they can, and are wanted. */
export function unitsKnown(): Promise<boolean> {
  return new Promise((resolve) => {
    effect(function () {
      const { ready, error } = fetching.value ?? { ready: false, error: null };
      if (wanted.value && !ready && error === null) return;
      resolve(unitsOn.value);
      this.dispose();
    });
  });
}

/** Fetch the network, or try again. */
export async function fetchUnits(): Promise<void> {
  let found: Fetching = { share: 0, ready: false, error: null };
  const tell = (change: Partial<Fetching>) => {
    found = { ...found, ...change };
    fetching.value = found;
  };
  tell({});
  engine.onUnitsLoaded = (share) => tell({ share });
  try {
    const address = await engine.loadUnits(BASE);
    tell({ ready: true });
    void keep(address).catch(() => {});
  } catch (error) {
    // Where all networks are gone, that is said, and the switch begins anew with them.
    if (loading.value.ready) {
      tell({ error: () => reasonOf(error) });
    }
  }
}

/** Let the worker that makes the page work offline see the file; the browser has it by now. */
async function keep(address: string): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.ready;
  await fetch(address, { cache: "force-cache" });
}

effect(() => {
  const [isLoaded, isWanted] = [loading.value.ready, wanted.value];
  untracked(() => {
    // A worker that was started anew knows nothing of units.
    if (!isLoaded) fetching.value = null;
    else if (isWanted && (fetching.value === null || fetching.value.error !== null)) {
      void fetchUnits();
    }
  });
});

effect(() => {
  const known = contract.value;
  // On plain HTTP nothing is kept.
  if (known === null || !("caches" in globalThis)) return;
  caches
    .match(new URL(`models/${known.units.file}`, BASE), { ignoreSearch: true })
    .then((found) => (isKept.value = found !== undefined))
    .catch(() => {});
});
