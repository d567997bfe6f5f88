import { computed, signal } from "@preact/signals";

import { download, fileName } from "../app/save";
import { contract } from "../app/state";
import type { FacePrediction } from "../engine/faces";
import { corrected, direction, type Lesson, trained } from "./head";

/** So many are enough to see what it learns; more would make training felt. */
export const MOST_LESSONS = 60;
const THUMB_PX = 56;

/** A corrected face and what it looks like; nothing of it is stored beyond the visit. */
export type KeptLesson = Lesson & { image: string };

export const lessons = signal<KeptLesson[]>([]);
/** Null before the first lesson. */
const head = computed(() => (lessons.value.length === 0 ? null : trained(lessons.value)));

/** Whether a face can be taught: it has an embedding, and there is room. */
export function canTeach(face: FacePrediction): boolean {
  return face.embedding != null && lessons.value.length < MOST_LESSONS;
}

/** Note that a face, of which there is an image, shows a label; an earlier lesson of it is replaced. */
export function teach(face: FacePrediction, label: number, image: string): void {
  const towards = direction(face.embedding!);
  const others = lessons.value.filter((kept) =>
    kept.direction.some((value, place) => value !== towards[place]),
  );
  const lesson = {
    direction: towards,
    label,
    probabilities: face.probabilities,
    image,
  };
  lessons.value = [...others, lesson];
}

/** Take the newest lesson back. */
export function undo(): void {
  lessons.value = lessons.value.slice(0, -1);
}

/** Forget all lessons. */
export function forgetLessons(): void {
  lessons.value = [];
}

/** The answer to a face by what was taught; null where nothing was, or the face has no embedding. */
export function taughtAnswer(face: FacePrediction): number[] | null {
  if (head.value === null || face.embedding == null) return null;
  return corrected(head.value, face.probabilities, direction(face.embedding));
}

/** What an export holds: all that the head is made of, without images. */
export function exported(): Record<string, unknown> {
  const known = contract.value!;
  return {
    version: known.version,
    model_sha256: known.emotion.sha256,
    labels: known.labels,
    rule: "softmax(log(probabilities) + weights · direction)",
    weights: head.value,
    lessons: lessons.value.map(({ direction: towards, label, probabilities }) => ({
      label: known.labels[label],
      direction: towards,
      probabilities,
    })),
  };
}

/** Save the head and its lessons as JSON. */
export function exportLessons(): void {
  const text = `${JSON.stringify(exported(), null, 1)}\n`;
  download([text], "application/json", `${fileName()} lessons.json`);
}

/** A small copy of a portrait as an address. */
export function packed(portrait: ImageBitmap | null): string {
  // One that was replaced is closed and has no size.
  if (portrait === null || portrait.width === 0) return "";
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = THUMB_PX;
  canvas.getContext("2d")!.drawImage(portrait, 0, 0, THUMB_PX, THUMB_PX);
  return canvas.toDataURL("image/jpeg", 0.8);
}
