import { signal } from "@preact/signals";

import type { Explanation } from "../engine/engine";
import type { Box } from "../engine/faces";
import { chosen, lookedAt, photos, read } from "./photos";
import { contract, engine, source } from "./state";

/** The camera or video on the stage. */
export const playing = signal<HTMLVideoElement | null>(null);

/** Explain the answer to the face that lies at a box of what the stage shows now. */
export function explainNow(signal: AbortSignal, box: Box): Promise<Explanation | null> {
  return lookedAt(signal, still, (bitmap) =>
    engine.explain(bitmap, contract.value!.detection.min_face_px, box),
  );
}

/** What the stage shows now. */
function still(): Promise<ImageBitmap> {
  if (source.value.kind !== "photos") return createImageBitmap(playing.value!);
  const photo = photos.value[chosen.value]!;
  return read(photo.blob, photo.name);
}
