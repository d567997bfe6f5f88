import { useEffect, useRef, useState } from "preact/hooks";

import type { Box, FoundFaces, FrameResult } from "../engine/faces";
import { language, words } from "../words";
import { CameraRefusal } from "./CameraRefusal";
import { BackIcon, CameraIcon, LockIcon, PhotosIcon } from "./icons";
import { chooseFiles, startCamera } from "./opening";
import { described, drawFaces, drawFound, useDrawing } from "./overlay";
import { decode, lookedAt } from "./photos";
import { SixFaces } from "./SixFaces";
import { useScope } from "./scope";
import { BASE, contract, engine, loading, source } from "./state";
import { Waiting } from "./Waiting";

/** Size of the label over the portrait: a share of its width, within bounds. */
const TEXT_SHARE = 1 / 26;
const LEAST_TEXT_PX = 12.5;
const MOST_TEXT_PX = 19;
/** Which part of the portrait is seen where there is no room for all: `object-position` in start.css. */
const PORTRAIT_AT = { across: 0.5, down: 0.2 };

/** The first thing that a visitor sees: what it does, at work on a portrait. */
export function Start() {
  const said = words().start;
  return (
    <div class="start">
      <div class="pitch">
        <h1>{said.headline}</h1>
        <p class="lead">{said.lead}</p>
        <div class="row">
          <button type="button" class="primary" id="start-camera" onClick={startCamera}>
            <CameraIcon /> {said.camera}
          </button>
          <button type="button" class="secondary" id="start-files" onClick={chooseFiles}>
            <PhotosIcon /> {said.files}
          </button>
          {source.value.kind !== "start" && (
            <a class="secondary" href="#/stage">
              <BackIcon /> {said.back}
            </a>
          )}
        </div>
        <CameraRefusal retry={startCamera} />
        <p class="quiet drop">{said.drop}</p>
        <p class="private">
          <LockIcon /> {said.private}
        </p>
      </div>
      <Example />
      <SixFaces />
    </div>
  );
}

async function fetched(address: string): Promise<ImageBitmap> {
  // The image beside it has just been fetched.
  const answer = await fetch(address, { cache: "force-cache" });
  return decode(await answer.blob());
}

/** A portrait that the visitor's own device analyses as soon as it can. */
function Example() {
  const known = contract.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [result, setResult] = useState<FrameResult | null>(null);
  const [found, setFound] = useState<FoundFaces | null>(null);
  const [place, setPlace] = useState(0);
  const scope = useScope();
  const sample = known?.samples[place];
  const address = sample === undefined ? null : new URL(`samples/${sample.file}`, BASE).href;
  useEffect(() => {
    if (address === null) return;
    setResult(null);
    setFound(null);
    const image = lookedAt(
      scope.begin(),
      () => fetched(address),
      (bitmap) => engine.image(bitmap, known!.detection.min_face_px, false),
      setFound,
    );
    // Why it cannot be looked at is said where the networks are loaded.
    image.then(setResult, () => {});
    return () => scope.end();
  }, [address]);
  const draw = () => {
    const shown = result ?? found;
    if (canvas.current === null || shown === null || known === null) return;
    const { width, height } = canvas.current.getBoundingClientRect();
    // The style sheet lets the image cover its place; what is cut away has no label.
    const shrink = Math.max(width / shown.width, height / shown.height);
    const seen = { width: width / shrink, height: height / shrink };
    const left = (shown.width - seen.width) * PORTRAIT_AT.across;
    const top = (shown.height - seen.height) * PORTRAIT_AT.down;
    const moved = ([x0, y0, x1, y1]: Box): Box => [x0 - left, y0 - top, x1 - left, y1 - top];
    canvas.current.width = Math.round(seen.width);
    canvas.current.height = Math.round(seen.height);
    const text = Math.min(Math.max(width * TEXT_SHARE, LEAST_TEXT_PX), MOST_TEXT_PX) / shrink;
    const drawn = canvas.current.getContext("2d")!;
    const options = { mirrored: false, scale: 1, text, pointed: null };
    if (result !== null) {
      const faces = result.faces.map((face) => ({ ...face, box_xyxy: moved(face.box_xyxy) }));
      drawFaces(drawn, { ...result, ...seen, faces }, known, options);
    } else {
      drawFound(drawn, { ...seen, boxes: found!.boxes.map(moved) }, options);
    }
  };
  useDrawing(canvas, draw, result, found, language.value);
  const said = words().start;
  return (
    <figure class="example">
      <div class="portrait">
        {address !== null && <img src={address} alt={sample!.title} />}
        <canvas
          ref={canvas}
          class={`overlay${result !== null ? " drawn" : found !== null ? " faces" : ""}`}
          role="img"
          aria-label={known === null ? words().stage.image : described(result, known)}
        />
        {result === null && loading.value.error === null && <Waiting found={found} />}
      </div>
      <figcaption>
        <span>{said.sample}</span>
        {known?.samples.map((each, number) => (
          <button
            type="button"
            key={each.file}
            class="link"
            aria-pressed={number === place}
            onClick={() => setPlace(number)}
          >
            {each.title}
          </button>
        ))}
      </figcaption>
    </figure>
  );
}
