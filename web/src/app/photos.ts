import { effect, signal, untracked } from "@preact/signals";

import type { FoundFaces, FrameResult } from "../engine/faces";
import { closePortraits } from "../engine/portraits";
import type { Row } from "../engine/row";
import { unitsOn } from "../units/switch";
import { fill, type Said, words } from "../words";
import { reasonOf } from "./reason";
import { photoRows } from "./rows";
import { Scope, Superseded, start, within } from "./scope";
import { canFind, contract, engine, loaded, loading, trouble } from "./state";

export interface Photo {
  name: string;
  blob: Blob;
  address: string;
  /** Where its faces are, as long as it is not known what they show. */
  found: FoundFaces | null;
  result: FrameResult | null;
  error: Said | null;
  /** Lasts until it is removed. */
  scope: Scope;
}

export const photos = signal<Photo[]>([]);
export const chosen = signal(0);

/** Phones take photos like that, and most browsers cannot read them. */
const HEIC = /\bhei[cf]\b/i;

/** Chromium's largest canvas side; other browsers take at least this many pixels in all. */
const MOST_PIXELS = 120e6;

/** Add photos to those on the stage, which `onStage` lasts as long as, and analyse them. */
export async function addPhotos(files: File[], onStage: AbortSignal): Promise<void> {
  const names = new Set(photos.value.map(({ name }) => name));
  const added = files.map((file): Photo => {
    const name = freeName(file.name, names);
    names.add(name);
    const scope = new Scope();
    scope.begin(onStage);
    const address = URL.createObjectURL(file);
    const nothing = { found: null, result: null, error: null };
    return { name, blob: file, address, ...nothing, scope };
  });
  chosen.value = photos.value.length;
  photos.value = [...photos.value, ...added];
  for (const photo of added) await analyse(photo);
}

/** A photo's name, with a number where another one has it: rows tell photos apart by their names. */
function freeName(name: string, names: Set<string>): string {
  const dot = name.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  let free = name;
  for (let number = 2; names.has(free); number++) free = `${stem}-${number}${ending}`;
  return free;
}

/** Take one photo off the stage. */
export function removePhoto(photo: Photo): void {
  photo.scope.end();
  URL.revokeObjectURL(photo.address);
  closePortraitsOf(photo);
  photos.value = photos.value.filter((each) => each !== photo);
  chosen.value = Math.max(0, Math.min(chosen.value, photos.value.length - 1));
}

/** Show the photo so many places further on, if there is one. */
export function step(places: number): void {
  const place = chosen.value + places;
  if (place >= 0 && place < photos.value.length) chosen.value = place;
}

/** Read an image upright, without changing its colours. */
export function decode(blob: Blob): Promise<ImageBitmap> {
  return createImageBitmap(blob, {
    imageOrientation: "from-image",
    colorSpaceConversion: "none",
    premultiplyAlpha: "premultiply",
  });
}

/** An image that cannot be looked at, and what there is to say about it. */
export class UnreadableImage extends Error {
  constructor(readonly said: Said) {
    super(said());
  }
}

/** Read an image that the visitor gave; an `UnreadableImage` says why that is not possible. */
export async function read(blob: Blob, name: string): Promise<ImageBitmap> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await decode(blob);
  } catch {
    const format = await beginsLike(blob);
    const isHeic = format === "heic" || (format === null && HEIC.test(`${name} ${blob.type}`));
    const other = isHeic ? "heic" : "unreadable";
    const sentence = format === "common" ? "damaged" : other;
    throw new UnreadableImage(() => fill(words().stage[sentence], { name }));
  }
  if (bitmap.width * bitmap.height <= MOST_PIXELS) return bitmap;
  bitmap.close();
  throw new UnreadableImage(() => fill(words().stage.tooLarge, { name }));
}

/**
 * What a file's first bytes say that it is, if they do: an image that every browser reads (JPEG, PNG,
 * GIF, WebP), one that some read, or a video (MP4, QuickTime, Matroska, WebM).
 */
export async function beginsLike(blob: Blob): Promise<"common" | "avif" | "heic" | "video" | null> {
  const bytes = new Uint8Array(await blob.slice(0, 12).arrayBuffer());
  const start = String.fromCharCode(...bytes);
  if (/^(\xff\xd8|\x89PNG|GIF8|RIFF....WEBP)/s.test(start)) return "common";
  if (start.startsWith("\x1aE\xdf\xa3")) return "video";
  const brand = /^....ftyp(....)$/s.exec(start)?.[1];
  if (brand === undefined) return null;
  if (brand.startsWith("avi")) return "avif";
  return /^(hei|hev|mif1|msf1)/.test(brand) ? "heic" : "video";
}

/** The rows of all photos; one that could not be read has a row with its error. */
export function allRows(): Row[] {
  return photos.value.flatMap((photo): Row[] => {
    if (photo.error !== null) {
      return [{ source: photo.name, frame: 0, timestamp_s: null, error: photo.error() }];
    }
    return photo.result === null ? [] : photoRows(contract.value!, photo.name, photo.result);
  });
}

/** Take all photos off the stage. */
export function clearPhotos(): void {
  photos.value.forEach((photo) => {
    URL.revokeObjectURL(photo.address);
    closePortraitsOf(photo);
  });
  photos.value = [];
  chosen.value = 0;
}

/**
 * Read an image and let the engine look at it when it is ready, while `signal` lasts; `found` hears
 * where its faces are if that is known earlier. It is looked at once more when the networks broke
 * meanwhile and are loaded anew; what breaks them again is not waited for.
 */
export async function lookedAt<Found>(
  signal: AbortSignal,
  image: () => Promise<ImageBitmap>,
  look: (bitmap: ImageBitmap) => Promise<Found>,
  found?: (faces: FoundFaces) => void,
): Promise<Found> {
  const once = async (): Promise<Found> => {
    const bitmap = await within(signal, image(), (late) => late.close());
    try {
      if (found !== undefined) start(findEarly(signal, bitmap, found));
      await within(signal, loaded());
      return await within(signal, look(bitmap));
    } finally {
      bitmap.close();
    }
  };
  return once().catch((error: unknown) => {
    if (!areBroken(error)) throw error;
    return once();
  });
}

/** Whether something failed since the networks are gone, which is said where they are loaded. */
function areBroken(error: unknown): boolean {
  return !loading.value.ready && !(error instanceof UnreadableImage || error instanceof Superseded);
}

/** Look once more at photos that were looked at without expression units. */
async function addUnits(): Promise<void> {
  for (const photo of photos.value) {
    const lacks = photo.result?.faces.some((face) => face.units === undefined);
    if (lacks && unitsOn.value) await analyse(photo);
  }
}

effect(() => {
  if (unitsOn.value) untracked(() => void addUnits());
});

async function findEarly(
  signal: AbortSignal,
  bitmap: ImageBitmap,
  found: (faces: FoundFaces) => void,
): Promise<void> {
  await within(signal, canFind());
  if (!loading.value.ready) await findFaces(signal, createImageBitmap(bitmap), found);
}

/** Find the faces of an image; `found` hears of them unless it is known by then what they show. */
export async function findFaces(
  signal: AbortSignal,
  image: Promise<ImageBitmap>,
  found: (faces: FoundFaces) => void,
): Promise<void> {
  const bitmap = await within(signal, image, (late) => late.close());
  const minFacePx = contract.value!.detection.min_face_px;
  // That the networks are gone is said where they are loaded.
  const faces = await within(
    signal,
    engine.faces(bitmap, minFacePx).catch(() => null),
  );
  if (faces !== null && !loading.value.ready) found(faces);
}

async function analyse(photo: Photo): Promise<void> {
  const { signal } = photo.scope;
  if (signal.aborted) return;
  let { result } = photo;
  let units = false;
  const look = (bitmap: ImageBitmap) => {
    units = unitsOn.value;
    return engine.image(bitmap, contract.value!.detection.min_face_px, units);
  };
  try {
    do {
      result = await lookedAt(
        signal,
        () => read(photo.blob, photo.name),
        look,
        (found) => change(photo, { found }),
      );
      change(photo, { result });
    } while (unitsOn.value && !units);
  } catch (error) {
    if (error instanceof Superseded) return;
    const reason = () => `${photo.name}: ${reasonOf(error)}`;
    const said = error instanceof UnreadableImage ? error.said : reason;
    // What was found before stays.
    if (result === null) change(photo, { error: said });
    else if (!areBroken(error)) trouble.value = said;
  }
}

/** Note what is known of a photo now. */
function change(photo: Photo, known: Partial<Photo>): void {
  photos.value = photos.value.map((each) => {
    if (each.address !== photo.address) return each;
    if (known.result !== undefined) closePortraitsOf(each);
    return { ...each, ...known };
  });
}

/** Let the crops of faces go that are not shown any more. */
function closePortraitsOf({ result }: Photo): void {
  if (result !== null) closePortraits([result]);
}
