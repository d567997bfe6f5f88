/** Fetches and opens what the worker runs: the detector first, so that faces are shown early. */
import moduleAddress from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmAddress from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import * as ort from "onnxruntime-web/wasm";

import { UnitNetwork } from "../units/network";
import type { Contract, ModelFile } from "./contract";
import { FaceDetector, type Run, runner } from "./detector";
import { asked, downloadModel, opened } from "./download";
import { lineDown } from "./fault";
import { Networks } from "./networks";
import { Progress } from "./progress";
import { RUNTIME_BYTES } from "./runtime";

export interface Loading {
  detector: FaceDetector;
  /** Resolves when expressions can be said, too. */
  networks: Promise<Networks>;
}

/**
 * Fetch what runs the networks and the detector, and open it; the emotion network follows when the
 * line is free. `told` hears of the share of everything that came, 0 to 1.
 */
export async function load(
  contract: Contract,
  base: string,
  threads: number,
  told: (share: number) => void,
): Promise<Loading> {
  const { face, emotion } = contract;
  const progress = new Progress([RUNTIME_BYTES, face.bytes, emotion.bytes], told);
  ort.env.wasm.wasmPaths = { wasm: wasmAddress, mjs: moduleAddress };
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  const [runtime, faceFile] = await Promise.all([
    asked(wasmAddress, RUNTIME_BYTES, progress.of(0)),
    downloadModel(base, face, progress.of(1)),
    // It is imported from there once more, when there is something to run.
    import(/* @vite-ignore */ moduleAddress).catch(lineDown("ort-wasm-simd-threaded.mjs")),
  ]);
  const arrived = handOver(runtime);
  const opening = open(face, faceFile);
  // The line is free before everything is compiled.
  const emotionFile = Promise.race([arrived, opening]).then(() =>
    downloadModel(base, emotion, progress.of(2)),
  );
  // Whoever waits for the networks hears of a failure.
  emotionFile.catch(() => {});
  const detector = new FaceDetector(contract, await opening);
  await detector.tryIt();
  const complete = async () => {
    const networks = new Networks(contract, detector, await open(emotion, await emotionFile));
    await networks.tryEmotion();
    return networks;
  };
  const networks = complete();
  networks.catch(() => {});
  return { detector, networks };
}

/**
 * Let the runtime's loader, which fetches the file itself, take what is already on its way: it
 * compiles that as it comes, and the page hears how much did. Resolves when it has all of it.
 */
function handOver(runtime: ReadableStream<Uint8Array>): Promise<void> {
  const { fetch } = globalThis;
  return new Promise((resolve) => {
    const whole = new TransformStream<Uint8Array, Uint8Array>({ flush: () => resolve() });
    globalThis.fetch = (address, options) => {
      if (String(address) !== wasmAddress) return fetch(address, options);
      globalThis.fetch = fetch;
      const headers = { "Content-Type": "application/wasm" };
      return Promise.resolve(new Response(runtime.pipeThrough(whole), { headers }));
    };
  });
}

/** Fetch the network of expression units; `told` hears of the share that came, 0 to 1. */
export function fetchUnits(
  contract: Contract,
  base: string,
  told: (share: number) => void,
): Promise<Uint8Array> {
  const progress = new Progress([contract.units.bytes], told);
  return downloadModel(base, contract.units, progress.of(0));
}

/** Open the network of expression units. */
export async function openUnits(contract: Contract, file: Uint8Array): Promise<UnitNetwork> {
  const network = new UnitNetwork(contract, await open(contract.units, file));
  await network.tryOnce();
  return network;
}

async function open(model: ModelFile, file: Uint8Array): Promise<Run> {
  const session = await opened(model, file, {
    executionProviders: ["wasm"],
    graphOptimizationLevel: "all",
  });
  const tensor = (values: Float32Array, dimensions: number[]) =>
    new ort.Tensor("float32", values, dimensions);
  return runner(model, session, tensor);
}
