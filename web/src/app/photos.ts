import { signal } from "@preact/signals";

import type { FrameResult } from "../engine/faces";
import { fill, words } from "../words";
import { photoRows, type Row } from "./session";
import { contract, engine, loaded, source, trouble } from "./state";

export interface Photo {
  name: string;
  blob: Blob;
  address: string;
  result: FrameResult | null;
  error: string | null;
}

export const photos = signal<Photo[]>([]);
export const chosen = signal(0);

const PICTURES = /\.(jpe?g|png|webp|gif|bmp|avif|tiff?)$/i;
const FILMS = /\.(mp4|m4v|mov|webm|mkv|avi|ogv)$/i;
/** Chromium's largest canvas side; other browsers take at least this many pixels in all. */
const MOST_PIXELS = 120e6;

/** Sort what the visitor gave: a film goes onto the stage, photos are analysed one by one. */
export async function open(files: File[]): Promise<void> {
  trouble.value = null;
  const film = files.find((file) => file.type.startsWith("video/") || FILMS.test(file.name));
  if (film !== undefined) {
    source.value = { kind: "film", file: film };
    return;
  }
  const pictures = files.filter(
    (file) => file.type.startsWith("image/") || PICTURES.test(file.name),
  );
  const other = files.find((file) => !pictures.includes(file));
  if (other !== undefined) trouble.value = fill(words().stage.unknown, { name: other.name });
  if (pictures.length > 0) await addPhotos(pictures.map((file) => [file.name, file]));
}

/** Put photos onto the stage and analyse them. */
export async function addPhotos(given: [string, Blob][]): Promise<void> {
  const added = given.map(
    ([name, blob]): Photo => ({
      name,
      blob,
      address: URL.createObjectURL(blob),
      result: null,
      error: null,
    }),
  );
  const before = source.value.kind === "photos" ? photos.value : [];
  chosen.value = before.length;
  photos.value = [...before, ...added];
  source.value = { kind: "photos" };
  for (const photo of added) await analyse(photo);
}

/** Read a picture upright, without changing its colours. */
export function decode(blob: Blob): Promise<ImageBitmap> {
  return createImageBitmap(blob, {
    imageOrientation: "from-image",
    colorSpaceConversion: "none",
    premultiplyAlpha: "premultiply",
  });
}

/** The rows of all photos; one that could not be read has a row with its error. */
export function allRows(): Row[] {
  return photos.value.flatMap((photo) => {
    if (photo.error !== null) {
      return [{ source: photo.name, frame: 0, timestamp_s: null, error: photo.error }];
    }
    return photo.result === null ? [] : photoRows(contract.value!, photo.name, photo.result);
  });
}

/** Take all photos off the stage. */
export function clearPhotos(): void {
  photos.value.forEach((photo) => URL.revokeObjectURL(photo.address));
  photos.value = [];
  chosen.value = 0;
}

async function analyse(photo: Photo): Promise<void> {
  const change: Partial<Photo> = {};
  let bitmap: ImageBitmap | null = null;
  try {
    bitmap = await decode(photo.blob);
  } catch {
    change.error = fill(words().stage.unreadable, { name: photo.name });
  }
  if (bitmap !== null && bitmap.width * bitmap.height > MOST_PIXELS) {
    change.error = fill(words().stage.tooLarge, { name: photo.name });
    bitmap.close();
  } else if (bitmap !== null) {
    try {
      await loaded();
      change.result = await engine.picture(bitmap, contract.value!.detection.min_face_px);
    } catch (error) {
      change.error = `${photo.name}: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
  photos.value = photos.value.map((each) =>
    each.address === photo.address ? { ...each, ...change } : each,
  );
}
