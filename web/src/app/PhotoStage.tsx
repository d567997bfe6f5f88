import { useEffect, useRef, useState } from "preact/hooks";

import { fill, language, words } from "../words";
import { BinIcon, PhotosIcon, PlusIcon, SnapshotIcon } from "./icons";
import { chooseFiles, leave } from "./opening";
import { described, pointed, useDrawing } from "./overlay";
import { chosen, decode, type Photo, photos, removePhoto, step } from "./photos";
import { contract, route, setSubject } from "./state";
import { CloseButton, saveDrawn, Tool } from "./Tools";
import { clearOver, drawFoundOver, drawOver, pointAt, USUAL_RATIO, View } from "./View";
import { Waiting } from "./Waiting";

/** Of a stage on which there is nothing but a message. */
const MESSAGE_RATIO = 2.2;

/** The chosen photo with its boxes, and all of them to choose from. */
export function PhotoStage() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const photo = photos.value[chosen.value];
  const draw = () => {
    if (photo?.result != null) drawOver(canvas.current, photo.result, false, null);
    else if (photo?.found != null) drawFoundOver(canvas.current, photo.found, false);
    else clearOver(canvas.current);
  };
  const [ratio, setRatio] = useState(USUAL_RATIO);
  useDrawing(canvas, draw, photo, pointed.value, language.value);
  useEffect(() => {
    if (photo !== undefined && photo.error === null) setSubject(photo.blob);
  }, [photo]);
  useEffect(() => {
    addEventListener("keydown", turnPages);
    return () => removeEventListener("keydown", turnPages);
  }, []);
  if (photo === undefined) return null;
  const known = contract.value;
  const said = words().stage;
  return (
    <section class="stage" aria-label={said.photos}>
      <View
        ratio={photo.error === null ? ratio : MESSAGE_RATIO}
        point={(event) => pointAt(event, canvas.current, photo.result, false)}
      >
        {photo.error === null ? (
          <img
            src={photo.address}
            alt={photo.name}
            onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) =>
              setRatio(naturalWidth / naturalHeight)
            }
          />
        ) : (
          <div class="message">
            <p role="alert">{photo.error()}</p>
            <button type="button" class="secondary" onClick={chooseFiles}>
              <PhotosIcon /> {words().start.files}
            </button>
          </div>
        )}
        <canvas
          ref={canvas}
          class="overlay"
          role="img"
          hidden={photo.error !== null}
          aria-label={known === null ? said.image : described(photo.result, known)}
        />
        {photo.result === null && photo.error === null && (
          <Waiting found={photo.found} isPostponed={photo.isPostponed} />
        )}
      </View>
      <div class="strips">
        <div class="strip">
          {photos.value.map((each, place) => (
            <Thumb key={each.address} photo={each} place={place} />
          ))}
        </div>
        <button
          type="button"
          class="thumb"
          aria-label={said.more}
          title={said.more}
          onClick={chooseFiles}
        >
          <PlusIcon />
        </button>
      </div>
      <div class="tools" role="toolbar" aria-label={said.photos}>
        <span class="filename">{photo.name}</span>
        <Tool
          label={said.save}
          icon={<SnapshotIcon />}
          disabled={photo.result === null}
          onClick={() => void savePhoto(photo)}
        />
        <Tool label={said.remove} icon={<BinIcon />} onClick={() => remove(photo)} />
        <CloseButton />
      </div>
    </section>
  );
}

function Thumb({ photo, place }: { photo: Photo; place: number }) {
  const button = useRef<HTMLButtonElement>(null);
  const current = place === chosen.value;
  useEffect(() => {
    if (current) showInStrip(button.current!);
  }, [current]);
  return (
    <button
      type="button"
      ref={button}
      class={photo.error === null ? "thumb" : "thumb broken"}
      aria-pressed={current}
      aria-label={fill(words().stage.photo, { number: place + 1, name: photo.name })}
      title={photo.name}
      onClick={() => (chosen.value = place)}
    >
      {photo.error === null ? <img src={photo.address} alt="" /> : "!"}
    </button>
  );
}

/** Bring a thumbnail into view within its strip; the page stays where it is. */
function showInStrip(thumb: HTMLElement): void {
  const strip = thumb.parentElement!;
  const [own, whole] = [thumb.getBoundingClientRect(), strip.getBoundingClientRect()];
  if (own.left < whole.left) strip.scrollLeft += own.left - whole.left;
  if (own.right > whole.right) strip.scrollLeft += own.right - whole.right;
}

/** Arrow keys lead from photo to photo, unless what has the focus needs them. */
function turnPages(event: KeyboardEvent): void {
  const places = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const busy = event.target instanceof HTMLSelectElement || event.altKey || event.metaKey;
  if (places !== undefined && !busy && route.value === "stage") step(places);
}

function remove(photo: Photo): void {
  if (photos.value.length > 1) removePhoto(photo);
  else leave();
}

async function savePhoto(photo: Photo): Promise<void> {
  const bitmap = await decode(photo.blob);
  saveDrawn(bitmap, photo.result!, false);
  bitmap.close();
}
