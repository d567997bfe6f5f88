import * as ort from "onnxruntime-web/wasm";

import { modelAddress } from "./address";
import type { ModelFile } from "./contract";
import { LoadError, lineDown } from "./fault";
import type { Coming } from "./progress";

/** Fetch a model's file; where the browser can, hold it to its hash. */
export async function downloadModel(
  base: string,
  model: ModelFile,
  coming: Coming,
): Promise<Uint8Array<ArrayBuffer>> {
  const file = await download(modelAddress(base, model), model.bytes, coming);
  if (globalThis.crypto?.subtle === undefined) return file; // on plain HTTP there is none
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== model.sha256) {
    throw new LoadError({ kind: "damaged", file: model.file });
  }
  return file;
}

/** Open a network's file. */
export async function opened(
  model: ModelFile,
  file: Uint8Array,
  options: ort.InferenceSession.SessionOptions,
): Promise<ort.InferenceSession> {
  try {
    return await ort.InferenceSession.create(file, options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${model.file}: not an ONNX file that can be run: ${reason}`);
  }
}

/** Fetch so many bytes; `coming` hears of what travels. */
export async function download(
  address: string,
  bytes: number,
  coming: Coming,
): Promise<Uint8Array<ArrayBuffer>> {
  const file = new Uint8Array(bytes);
  let place = 0;
  const reader = (await asked(address, bytes, coming)).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(lineDown(nameOf(address)));
    if (done) break;
    file.set(value, place);
    place += value.length;
  }
  return file;
}

/** Ask for so many bytes, which are given as they come; the end of more or fewer is an error. */
export async function asked(
  address: string,
  bytes: number,
  coming: Coming,
): Promise<ReadableStream<Uint8Array>> {
  const file = nameOf(address);
  const answer = await fetch(address).catch(lineDown(file));
  if (!answer.ok || answer.body === null) {
    throw new LoadError({ kind: "refused", file, status: answer.status });
  }
  const packed = Number(answer.headers.get("Content-Length") ?? 0);
  const travels = answer.headers.has("Content-Encoding") && packed > 0 ? packed : bytes;
  coming.size(travels);
  let place = 0;
  const transformer: Transformer<Uint8Array, Uint8Array> = {
    transform(part, stream) {
      place += part.length;
      if (place > bytes) throw new LoadError({ kind: "damaged", file });
      coming.came((part.length * travels) / bytes);
      stream.enqueue(part);
    },
    flush() {
      if (place === bytes) return;
      throw new LoadError({ kind: "incomplete", file });
    },
  };
  // The line does not wait for what reads.
  const room = { highWaterMark: Number.POSITIVE_INFINITY };
  return answer.body.pipeThrough(new TransformStream(transformer, undefined, room));
}

/** The name of the file at an address, without where it lies. */
function nameOf(address: string): string {
  return new URL(address, globalThis.location?.href).pathname.split("/").at(-1)!;
}
