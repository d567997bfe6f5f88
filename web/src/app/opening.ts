import { isHevc } from "../video/decoding";
import { writing } from "../video/drawn";
import { fill, listed, type Said, words } from "../words";
import { refusal, session, shown } from "./live";
import {
  addPhotos,
  beginsLike,
  clearPhotos,
  type Photo,
  photos,
  read,
  UnreadableImage,
} from "./photos";
import { Scope, start, within } from "./scope";
import { type Content, leaveStage, putOnStage, showStage, source, trouble } from "./state";

const IMAGES = /\.(jpe?g|png|webp|gif|bmp|avif|hei[cf]|tiff?)$/i;
const VIDEOS = /\.(mp4|m4v|mov|webm|mkv|avi|ogv)$/i;
/** What is shorter or less is soon done again. */
const WORTH_KEEPING_S = 5;
const WORTH_KEEPING_PHOTOS = 2;

let keptPhotos: Photo[] | null = null;

/** Remember the results of this moment as saved once `saving` is done. */
export async function noteKept(saving: Promise<void>): Promise<void> {
  const [given, current] = [photos.value, session.value];
  const length_s = current?.length_s ?? 0;
  await saving;
  if (current === null) keptPhotos = given;
  else current.kept_s = length_s;
}

/** Whether there are results that would be missed. */
function unsaved(): boolean {
  if (source.value.kind === "photos") {
    const done = photos.value.filter((photo) => photo.result !== null).length;
    return done >= WORTH_KEEPING_PHOTOS && keptPhotos !== photos.value;
  }
  const current = session.value;
  const isWritten = writing.value?.session === current && writing.value?.share !== null;
  if (current !== null && isWritten) return true;
  return current !== null && current.length_s - current.kept_s >= WORTH_KEEPING_S;
}

/** Ask before results go, if there are any that would be missed. */
export function mayGo(): boolean {
  return !unsaved() || confirm(words().stage.lose);
}

addEventListener("beforeunload", (event) => {
  if (unsaved()) event.preventDefault();
});

/** Put something onto the stage in place of what is there. */
function put(content: Content): AbortSignal {
  forget();
  return putOnStage(content);
}

/** Leave whatever is on the stage. */
export function leave(): void {
  forget();
  leaveStage();
}

function forget(): void {
  clearPhotos();
  session.value = null;
  shown.value = null;
}

/** Leave it if the visitor means that. */
export function close(): void {
  if (!mayGo()) return;
  pending.begin();
  leave();
}

/** Begin with the camera. */
export function startCamera(): void {
  trouble.value = null;
  refusal.value = null;
  if (!mayGo()) return;
  pending.begin();
  put({ kind: "camera" });
}

/** Files that are still looked into; the visitor may choose something else meanwhile. */
const pending = new Scope();
/** What was given earlier is opened earlier, however long it takes to look into. */
let before: Promise<void> = Promise.resolve();

function openInTurn(given: File[]): void {
  const signal = pending.signal;
  trouble.value = null;
  refusal.value = null;
  const turn = before.then(() => open(given, signal));
  before = turn.catch(() => {});
  start(turn);
}

/** Let the visitor choose photos or a video. */
export function chooseFiles(): void {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.accept = "image/*,video/*,.mkv,.avif";
  input.onchange = () => openInTurn([...(input.files ?? [])]);
  input.click();
}

/** Open photos or a video that are dropped or pasted anywhere; `dropping` hears of files above the page. */
export function listenForFiles(dropping: (over: boolean) => void): () => void {
  const over = (event: DragEvent) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    dropping(true);
  };
  const left = (event: DragEvent) => {
    if (event.relatedTarget === null) dropping(false);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    dropping(false);
    take(event.dataTransfer);
  };
  const paste = (event: ClipboardEvent) => take(event.clipboardData);
  addEventListener("dragover", over);
  addEventListener("dragleave", left);
  addEventListener("drop", drop);
  addEventListener("paste", paste);
  return () => {
    removeEventListener("dragover", over);
    removeEventListener("dragleave", left);
    removeEventListener("drop", drop);
    removeEventListener("paste", paste);
  };
}

function take(data: DataTransfer | null): void {
  const given = [...(data?.files ?? [])];
  if (given.length > 0) openInTurn(given);
}

/** Open one video, or else all photos, and say what was left out and why. */
async function open(given: File[], signal: AbortSignal): Promise<void> {
  const kinds = new Map<File, Kind>();
  for (const file of given) kinds.set(file, await within(signal, kindOf(file)));
  const of = (kind: Kind) => given.filter((file) => kinds.get(file) === kind);
  const faults: Said[] = [];
  const others = of("other");
  if (others.length > 0) faults.push(() => told("unknown", others));
  const video = await within(signal, firstVideo(of("video"), faults));
  if (video !== null) {
    const left = given.filter((file) => file !== video && kinds.get(file) !== "other");
    if (left.length > 0) faults.push(() => told("oneVideo", left));
    if (mayGo()) put({ kind: "video", file: video });
  } else if (of("image").length > 0) {
    await openPhotos(of("image"), faults, signal);
  }
  if (faults.length > 0) trouble.value = () => faults.map((fault) => fault()).join(" ");
}

type Kind = "image" | "video" | "other";

/** What a file is: of images and videos, its first bytes know better than its name. */
async function kindOf(file: File): Promise<Kind> {
  const isVideo = file.type.startsWith("video/") || VIDEOS.test(file.name);
  if (isVideo || file.type.startsWith("image/") || IMAGES.test(file.name)) {
    const format = await beginsLike(file);
    if (format === null) return isVideo ? "video" : "image";
    return format === "video" ? "video" : "image";
  }
  if (file.type !== "") return "other";
  // Neither type nor ending says what it is; only trying does.
  if ((await imageFault(file)) === null) return "image";
  return (await videoFault(file)) === null ? "video" : "other";
}

function told(sentence: "unknown" | "oneVideo", files: File[]): string {
  const names = listed(files.map((file) => file.name));
  return fill(words().stage[sentence], { names, count: files.length });
}

/** The first video that can be played; why others cannot goes to `faults`. */
async function firstVideo(videos: File[], faults: Said[]): Promise<File | null> {
  for (const video of videos) {
    const fault = await videoFault(video);
    if (fault === null) return video;
    faults.push(fault);
  }
  return null;
}

/** What keeps a video from being played here, or null. */
async function videoFault(file: File): Promise<Said | null> {
  const video = document.createElement("video");
  const address = URL.createObjectURL(file);
  const sentence = await new Promise<"noImage" | "unplayable" | null>((resolve) => {
    // A video whose image the browser cannot decode has no size, though its sound may play.
    video.onloadedmetadata = () => resolve(video.videoWidth > 0 ? null : "noImage");
    video.onerror = () => resolve("unplayable");
    video.preload = "metadata";
    video.src = address;
  });
  video.removeAttribute("src");
  URL.revokeObjectURL(address);
  if (sentence === null) return null;
  const said = (await isHevc(file)) ? "hevc" : sentence;
  return () => fill(words().stage[said], { name: file.name });
}

/** What keeps an image from being read, or null. */
async function imageFault(file: File): Promise<Said | null> {
  try {
    (await read(file, file.name)).close();
    return null;
  } catch (error) {
    if (error instanceof UnreadableImage) return error.said;
    throw error;
  }
}

/** Put photos onto the stage; what is there gives way only to one that can be read. */
async function openPhotos(given: File[], faults: Said[], signal: AbortSignal): Promise<void> {
  const running = () => source.value.kind === "camera" || source.value.kind === "video";
  if (running() && !(await within(signal, anyReadable(given, faults)))) return;
  if (running() && !mayGo()) return;
  if (source.value.kind === "photos") {
    showStage();
    start(addPhotos(given, source.value.signal));
  } else {
    start(addPhotos(given, put({ kind: "photos" })));
  }
}

async function anyReadable(files: File[], faults: Said[]): Promise<boolean> {
  const found: Said[] = [];
  for (const file of files) {
    const fault = await imageFault(file);
    if (fault === null) return true;
    found.push(fault);
  }
  faults.push(...found);
  return false;
}
