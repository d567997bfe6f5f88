import { useEffect, useRef, useState } from "preact/hooks";

import type { FrameResult } from "../engine/faces";
import { words } from "../words";
import { CameraIcon, LockIcon, PhotosIcon } from "./icons";
import { described, drawFaces } from "./overlay";
import { decode, open } from "./photos";
import { BASE, contract, engine, goLive, loaded, source, trouble } from "./state";

/** The first thing that a visitor sees: what it does, at work on a portrait. */
export function Start() {
  const said = words().start;
  return (
    <div class="start">
      <div class="pitch">
        <h1>{said.headline}</h1>
        <p class="lead">{said.lead}</p>
        <div class="row">
          <button
            class="primary"
            onClick={() => {
              trouble.value = null;
              source.value = { kind: "camera" };
            }}
          >
            <CameraIcon /> {said.camera}
          </button>
          <button class="secondary" onClick={chooseFiles}>
            <PhotosIcon /> {said.files}
          </button>
        </div>
        <p class="quiet">{said.drop}</p>
        <p class="private">
          <LockIcon /> {said.private}
        </p>
      </div>
      <Example />
    </div>
  );
}

/** A portrait that the visitor's own device analyses as soon as it can. */
function Example() {
  const known = contract.value;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [result, setResult] = useState<FrameResult | null>(null);
  const [place, setPlace] = useState(0);
  const sample = known?.samples[place];
  const address = sample === undefined ? null : new URL(`samples/${sample.file}`, BASE).href;
  useEffect(() => {
    if (address === null) return;
    let current = true;
    setResult(null);
    void (async () => {
      // The picture beside it has just been fetched.
      const answer = await fetch(address, { cache: "force-cache" });
      const bitmap = await decode(await answer.blob());
      await loaded();
      const found = await engine.picture(bitmap, known!.detection.min_face_px);
      if (current) setResult(found);
    })().catch(() => {});
    return () => {
      current = false;
    };
  }, [address]);
  useEffect(() => {
    const drawn = canvas.current?.getContext("2d");
    if (drawn == null || result === null || known === null) return;
    canvas.current!.width = result.width;
    canvas.current!.height = result.height;
    drawFaces(drawn, result, known, { mirrored: false, scale: 1, text: result.width / 26 });
  }, [result, known, words()]);
  const said = words().start;
  return (
    <figure class="example">
      <div class="portrait">
        {address !== null && <img src={address} alt={sample!.title} />}
        <canvas
          ref={canvas}
          class={result === null ? "overlay" : "overlay drawn"}
          role="img"
          aria-label={known === null ? words().stage.picture : described(result, known)}
        />
      </div>
      <figcaption>
        <span>{said.sample}</span>
        {known?.samples.map((each, number) => (
          <button
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

/** Let the visitor choose photos or a film. */
export function chooseFiles(): void {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.accept = "image/*,video/*,.mkv,.avif";
  input.onchange = () => void open([...(input.files ?? [])]);
  input.click();
}

/** Open what was dropped or pasted, whichever page it was given to. */
function take(data: DataTransfer | null): void {
  const files = [...(data?.files ?? [])];
  if (files.length === 0) return;
  goLive();
  void open(files);
}

/** Photos or a film that are dropped or pasted anywhere. */
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
