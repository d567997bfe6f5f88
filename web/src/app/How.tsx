import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Explanation } from "../engine/engine";
import { fill, percent, type Said, words } from "../words";
import { Bars } from "./Bars";
import { CameraRefusal } from "./CameraRefusal";
import { Drawing, drawCrop, drawDetection, drawSquare, type Explained, paste } from "./drawings";
import { CameraIcon, CloseIcon, PhotosIcon } from "./icons";
import { openCamera, release } from "./live";
import { Parts } from "./Parts";
import { lookedAt, read, UnreadableImage } from "./photos";
import { reasonOf } from "./reason";
import { Superseded, start, useScope } from "./scope";
import { BASE, contract, engine, packed, setSubject, subject, viewSignal } from "./state";
import { Waiting } from "./Waiting";

const SHOWN_PX = 720;
const PATCH_COLUMNS = 8;
const PATCH_ROWS = 6;

/** Every step from an image to an answer, on a face of the visitor's choice. */
export function How() {
  const said = words().how;
  const known = contract.value;
  const [explained, setExplained] = useState<Explained | null>(null);
  const [fault, setFault] = useState<{ said: Said } | null>(null);
  const [looking, setLooking] = useState(true);
  const [camera, setCamera] = useState<MediaStream | null>(null);
  const looks = useScope();
  /** Of two requests for a camera, the later one is meant. */
  const requests = useScope();
  const given = subject.value;
  const sample = known?.samples[0]?.file;

  useEffect(() => {
    if (given === null && sample === undefined) return;
    setFault(null);
    setLooking(true);
    look(looks.begin(), given, sample).then(
      (found) => {
        setExplained(found);
        setLooking(false);
      },
      (error: unknown) => {
        if (error instanceof Superseded) return;
        setFault({ said: saidOf(error) });
        setLooking(false);
      },
    );
    return () => looks.end();
  }, [given, sample]);

  const take = async () => setCamera(await openCamera(requests.begin(viewSignal())));

  const choose = () => {
    const input = document.createElement("input");
    input.type = "file";
    input.accept = "image/*";
    input.onchange = () => {
      if (input.files?.[0] !== undefined) setSubject(input.files[0]);
    };
    input.click();
  };

  return (
    <article class="how prose">
      <h1>{said.heading}</h1>
      <p class="lead">{said.lead}</p>
      <div class="row">
        <button type="button" class="secondary" onClick={() => start(take())}>
          <CameraIcon /> {said.camera}
        </button>
        <button type="button" class="secondary" onClick={choose}>
          <PhotosIcon /> {said.photo}
        </button>
        {given !== null && (
          <button type="button" class="secondary" onClick={() => setSubject(null)}>
            {said.sample}
          </button>
        )}
      </div>
      <CameraRefusal retry={() => start(take())} />
      {camera !== null && <Selfie stream={camera} done={() => setCamera(null)} />}
      {fault !== null && (
        <div class="trouble" role="alert">
          <p>{fault.said()}</p>
        </div>
      )}
      {looking && <Waiting />}
      {explained !== null && <Steps explained={explained} />}
    </article>
  );
}

function saidOf(error: unknown): Said {
  if (error instanceof UnreadableImage) return error.said;
  return () => reasonOf(error);
}

async function look(
  signal: AbortSignal,
  given: Blob | null,
  sample: string | undefined,
): Promise<Explained> {
  return lookedAt(
    signal,
    () => opened(given, sample),
    async (bitmap) => {
      const { width, height } = bitmap;
      const scale = Math.min(1, SHOWN_PX / Math.max(width, height));
      const image = document.createElement("canvas");
      image.width = Math.round(width * scale);
      image.height = Math.round(height * scale);
      image.getContext("2d")!.drawImage(bitmap, 0, 0, image.width, image.height);
      const explanation = await engine.explain(bitmap, contract.value!.detection.min_face_px, null);
      return { image, width, height, explanation };
    },
  );
}

async function opened(given: Blob | null, sample: string | undefined): Promise<ImageBitmap> {
  const blob = given ?? (await (await fetch(new URL(`samples/${sample}`, BASE))).blob());
  return read(blob, given instanceof File ? given.name : words().how.frame);
}

/** The camera's view, to take a photo or not. */
function Selfie({ stream, done }: { stream: MediaStream; done: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    video.current!.srcObject = stream;
    void video.current!.play().catch(() => {});
    return () => release(stream);
  }, [stream]);
  const take = () => {
    const canvas = document.createElement("canvas");
    canvas.width = video.current!.videoWidth;
    canvas.height = video.current!.videoHeight;
    canvas.getContext("2d")!.drawImage(video.current!, 0, 0);
    setSubject(packed(canvas, "image/png"));
    done();
  };
  return (
    <div class="selfie">
      <video ref={video} muted playsInline class="mirrored" />
      <div class="row">
        <button type="button" class="primary" onClick={take}>
          <CameraIcon /> {words().how.shoot}
        </button>
        <button type="button" class="secondary" onClick={done}>
          <CloseIcon /> {words().how.cancel}
        </button>
      </div>
    </div>
  );
}

function Steps({ explained }: { explained: Explained }) {
  const said = words().how;
  const { explanation } = explained;
  const size = { width: explained.width, height: explained.height };
  return (
    <ol class="steps">
      <Step title={said.frame} text={fill(said.frameText, size)}>
        <Drawing label={said.frame} draw={(canvas) => paste(canvas, explained.image)} />
      </Step>
      {explanation === null ? (
        <li class="step">
          <p class="message" role="alert">
            {said.noFace}
          </p>
        </li>
      ) : (
        <FaceSteps explained={explained} explanation={explanation} />
      )}
    </ol>
  );
}

function FaceSteps({ explained, explanation }: { explained: Explained; explanation: Explanation }) {
  const said = words().how;
  const known = contract.value!;
  const { face, combination, size } = explanation;
  // In the order in which the text names them.
  const heads = Object.entries(combination.heads).sort(([a]) => (a === "logits" ? -1 : 1));
  const detected = {
    score: percent(face.detection_score),
    ms: explanation.detect_ms.toFixed(0),
  };
  return (
    <>
      <Step title={said.detect} text={fill(said.detectText, detected)}>
        <Drawing
          label={said.detect}
          draw={(canvas) => drawDetection(canvas, explained, explanation)}
        />
        <ul class="legend">
          {said.points.map((point, place) => (
            <li key={point}>
              <b>{place + 1}</b> {point}
            </li>
          ))}
        </ul>
      </Step>
      <Step title={said.crop} text={said.cropText}>
        <div class="pair">
          <Drawing
            label={said.crop}
            draw={(canvas) => drawSquare(canvas, explained, explanation)}
          />
          <Drawing label={said.crop} draw={(canvas) => drawCrop(canvas, explanation)} />
        </div>
      </Step>
      <Step title={said.input} text={fill(said.inputText, { size })}>
        <Numbers explanation={explanation} />
      </Step>
      <Step title={said.attention} text={said.attentionText}>
        <Parts explanation={explanation} />
      </Step>
      <Step title={said.heads} text={said.headsText}>
        <div class="pair opinions">
          {heads.map(([name, head]) => (
            <div key={name}>
              <h3>{name === "logits" ? said.ferplus : said.fer2013}</h3>
              <Opinion head={head} />
            </div>
          ))}
        </div>
      </Step>
      <Step
        title={said.answer}
        text={fill(said.answerText, {
          threshold: percent(known.emotion.spec.six!.unsure_below),
        })}
      >
        <div class="pair opinions">
          <div>
            <h3>{said.before}</h3>
            <Bars labels={known.labels} values={combination.plain} shown={null} />
          </div>
          <div>
            <h3>{said.after}</h3>
            <Bars labels={known.labels} values={combination.calibrated} shown={face.label} />
          </div>
        </div>
      </Step>
    </>
  );
}

/** A head's bars: the six as everywhere, then what else it knows. */
function Opinion({ head }: { head: Explanation["combination"]["heads"][string] }) {
  const order = [...contract.value!.labels, ...Object.keys(words().otherLabels)];
  const labels = order.filter((label) => head.labels.includes(label));
  const values = labels.map((label) => head.probabilities[head.labels.indexOf(label)]!);
  return <Bars labels={labels} values={values} shown={null} />;
}

function Step({
  title,
  text,
  children,
}: {
  title: string;
  text: string;
  children: ComponentChildren;
}) {
  return (
    <li class="step">
      <div class="words">
        <h2>{title}</h2>
        <p>{text}</p>
      </div>
      <div class="shown">{children}</div>
    </li>
  );
}

function Numbers({ explanation }: { explanation: Explanation }) {
  const { input, crop } = contract.value!.emotion.spec;
  const { size } = explanation;
  const [eyeX, eyeY] = crop!.landmarks_xy[0]!;
  const left = Math.round(eyeX * size - PATCH_COLUMNS / 2);
  const top = Math.round(eyeY * size - PATCH_ROWS / 2);
  const rows = Array.from({ length: PATCH_ROWS }, (_, row) =>
    Array.from({ length: PATCH_COLUMNS }, (_, column) => {
      const luma = explanation.crop[(top + row) * size + left + column]!;
      return { luma, value: (luma - input.mean[0]!) / input.std[0]! };
    }),
  );
  return (
    <table class="numbers">
      <tbody>
        {rows.map((row, number) => (
          <tr key={number}>
            {row.map(({ luma, value }, column) => (
              <td
                key={column}
                style={{
                  background: `rgb(${luma} ${luma} ${luma})`,
                  color: luma > 118 ? "#000" : "#fff",
                }}
              >
                {figure(value)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** One digit after the point, with a true minus sign, and no minus before zero. */
function figure(value: number): string {
  const text = value.toFixed(1);
  return text === "-0.0" ? "0.0" : text.replace("-", "−");
}
