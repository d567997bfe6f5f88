/// <reference lib="webworker" />
/**
 * Makes the page work offline after the first visit, and isolates it where the host does not, so
 * that the networks may use more than one thread.
 */
import { modelAddress } from "./engine/address";
import type { Contract } from "./engine/contract";
import { kindOf } from "./kept";

declare const self: ServiceWorkerGlobalScope;

/** Both are filled in by the build. */
const FILES = "__FILES__" as unknown as string[];
const VERSION = "__VERSION__";

/** Pages at other addresses of the same host keep theirs. */
const PREFIX = `mien ${self.registration.scope} `;
const CACHE = PREFIX + VERSION;
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

self.addEventListener("install", (event) => {
  event.waitUntil(keepEverything().then(() => self.skipWaiting()));
});

/** Keep whatever the page may ask for, so that one visit is enough. */
async function keepEverything(): Promise<void> {
  const cache = await caches.open(CACHE);
  const contract = new URL("models/contract.json", self.registration.scope).href;
  await cache.addAll([...FILES, contract]);
  const { face, emotion, units, samples } = (await (await cache.match(
    contract,
  ))!.json()) as Contract;
  // Expression units are for those who asked for them before.
  const before = new URL(`models/${units.file}`, self.registration.scope).href;
  const wanted = (await caches.match(before, { ignoreSearch: true })) !== undefined;
  const addresses = [
    ...[face, emotion, ...(wanted ? [units] : [])].map((model) =>
      modelAddress(self.registration.scope, model),
    ),
    ...samples.map((sample) => new URL(`samples/${sample.file}`, self.registration.scope).href),
  ];
  // The page has just fetched most of them: the browser still has those.
  await cache.addAll(addresses.map((address) => new Request(address, { cache: "force-cache" })));
}

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names
            .filter((name) => name.startsWith(PREFIX) && name !== CACHE)
            .map((name) => caches.delete(name)),
        ),
      )
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const kind = kindOf(request.url, self.registration.scope, FILES);
  if (request.method !== "GET" || kind === null) return;
  event.respondWith(kind === "fresh" ? freshFirst(request) : keptFirst(request));
});

/** What names its content by a hash, or belongs to this version, never changes. */
async function keptFirst(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
  if (kept !== undefined) return isolated(kept);
  const answer = await fetch(request);
  await keep(cache, request, answer);
  return isolated(answer);
}

/** The contract says which models are current: ask first, fall back to what is known. */
async function freshFirst(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request);
    await keep(cache, request, answer);
    return isolated(answer);
  } catch (error) {
    const kept = await cache.match(request);
    if (kept === undefined) throw error;
    return isolated(kept);
  }
}

/** Keep an answer, unless the browser has no room left: the page works without. */
async function keep(cache: Cache, request: Request, answer: Response): Promise<void> {
  if (answer.status === 200) await cache.put(request, answer.clone()).catch(() => {});
}

function isolated(answer: Response): Response {
  if (answer.status !== 200 || answer.type === "opaque") return answer;
  const headers = new Headers(answer.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(answer.body, { status: 200, headers });
}
