import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { FrameResult } from "../engine/faces";
import { fill, words } from "../words";
import { CameraIcon, CloseIcon, MirrorIcon, PauseIcon, PlayIcon, PlusIcon, SnapshotIcon, WaveIcon } from "./icons";
import {
  asking,
  cameraId,
  cameras,
  halted,
  leave,
  LiveLoop,
  mirror,
  newSession,
  openCamera,
  paused,
  release,
  shown,
  smooth,
} from "./live";
import { described, drawFaces } from "./overlay";
import { chosen, clearPhotos, photos } from "./photos";
import { chooseFiles } from "./Start";
import { download, fileName } from "./save";
import { contract, loading, loadedShare, source, subject, trouble } from "./state";
import { percent } from "../words";

const RETRY_MS = 1500;
/** Width by height of the stage before anything is on it, and the narrowest and widest stage. */
const USUAL_RATIO = 4 / 3;
const NARROWEST = 0.6;
const WIDEST = 2.4;
/** Sizes of the labels over the picture; the small one is for stages narrower than the bound. */
const TEXT_PX = 13.5;
const SMALL_TEXT_PX = 11.5;
const NARROW_PX = 480;

/** The picture with its boxes, and what can be done with it. */
export function Stage() {
  const now = source.value;
  if (now.kind === "camera") return <CameraStage />;
  if (now.kind === "film") return <FilmStage key={now.file.name} file={now.file} />;
  return <PhotoStage />;
}

function CameraStage() {
  const video = useRef<HTMLVideoElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const stream = useRef<MediaStream | null>(null);
  /** Counts the attempts to connect: of two at once, the later one is meant. */
  const attempt = useRef(0);
  const [ratio, setRatio] = useState(USUAL_RATIO);
  const play = usePlaying(video);

  /** Show the camera; false if there is none, true also where a later attempt took over. */
  const connect = async (): Promise<boolean> => {
    const mine = ++attempt.current;
    const wanted = () => mine === attempt.current;
    release(stream.current);
    stream.current = null;
    const opened = await openCamera(wanted);
    if (opened === null) return !wanted();
    stream.current = opened;
    opened.getVideoTracks()[0]!.onended = () => void lost();
    video.current!.srcObject = opened;
    paused.value = false;
    play();
    return true;
  };

  const lost = async (): Promise<void> => {
    while (!(await connect())) {
      const mine = attempt.current;
      trouble.value = words().camera.lost;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      if (mine !== attempt.current) return;
    }
  };

  useEffect(() => {
    let loop: LiveLoop | null = null;
    let mounted = true;
    void connect().then(async (opened) => {
      if (!mounted) return;
      if (!opened) return leave();
      await newSession("camera");
      if (mounted) loop = new LiveLoop(video.current!, true, draw);
    });
    return () => {
      mounted = false;
      attempt.current++;
      loop?.stop();
      keepSubject(video.current);
      release(stream.current);
    };
  }, []);

  const stop = () => {
    attempt.current++;
    trouble.value = null;
    leave();
  };

  const draw = (result: FrameResult) => drawOver(canvas.current, result, mirror.value);
  useDrawing(canvas, () => shown.value !== null && draw(shown.value), mirror.value);
  const said = words().camera;
  return (
    <section class="stage" aria-label={said.device}>
      <View ratio={ratio}>
        <video
          ref={video}
          muted
          playsInline
          class={mirror.value ? "mirrored" : ""}
          onResize={({ currentTarget }) => setRatio(ratioOf(currentTarget))}
        />
        <Overlay canvas={canvas} />
        <Hint />
      </View>
      <div class="tools" role="toolbar" aria-label={said.device}>
        {cameras.value.length > 1 && (
          <select
            aria-label={said.device}
            value={cameraId.value}
            onChange={(event) => {
              cameraId.value = event.currentTarget.value;
              void connect();
            }}
          >
            {cameras.value.map((device, place) => (
              <option key={device.deviceId} value={device.deviceId}>
                {device.label || `${said.device} ${place + 1}`}
              </option>
            ))}
          </select>
        )}
        <PauseButton />
        <SnapshotButton video={video} />
        <Toggle label={said.mirror} value={mirror} icon={<MirrorIcon />} />
        <Toggle label={said.smooth} value={smooth} icon={<WaveIcon />} />
        <button class="tool end" onClick={stop}>
          <CloseIcon /> <span>{said.stop}</span>
        </button>
      </div>
    </section>
  );
}

function FilmStage({ file }: { file: File }) {
  const video = useRef<HTMLVideoElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [ratio, setRatio] = useState(USUAL_RATIO);
  const play = usePlaying(video);
  const draw = (result: FrameResult) => drawOver(canvas.current, result, false);
  useDrawing(canvas, () => shown.value !== null && draw(shown.value), file);
  useEffect(() => {
    const address = URL.createObjectURL(file);
    let loop: LiveLoop | null = null;
    let mounted = true;
    video.current!.src = address;
    paused.value = false;
    void newSession(file.name).then(() => {
      if (!mounted) return;
      loop = new LiveLoop(video.current!, false, draw);
      play();
    });
    return () => {
      mounted = false;
      loop?.stop();
      keepSubject(video.current);
      URL.revokeObjectURL(address);
    };
  }, [file]);
  const failed = () => {
    trouble.value = fill(words().stage.unplayable, { name: file.name });
    leave();
  };
  return (
    <section class="stage" aria-label={file.name}>
      <View ratio={ratio}>
        <video
          ref={video}
          muted
          playsInline
          controls
          onError={failed}
          onResize={({ currentTarget }) => setRatio(ratioOf(currentTarget))}
        />
        <Overlay canvas={canvas} />
        <Hint />
      </View>
      <div class="tools" role="toolbar" aria-label={file.name}>
        <span class="filename">{file.name}</span>
        <SnapshotButton video={video} />
        <Toggle label={words().camera.smooth} value={smooth} icon={<WaveIcon />} />
        <button class="tool end" onClick={leave}>
          <CloseIcon /> <span>{words().stage.close}</span>
        </button>
      </div>
    </section>
  );
}

function PhotoStage() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const photo = photos.value[chosen.value];
  const draw = () => {
    if (photo?.result != null) drawOver(canvas.current, photo.result, false);
    else canvas.current?.getContext("2d")?.clearRect(0, 0, canvas.current.width, canvas.current.height);
  };
  const [ratio, setRatio] = useState(USUAL_RATIO);
  useDrawing(canvas, draw, photo);
  useEffect(() => {
    if (photo !== undefined && photo.error === null) subject.value = photo.blob;
  }, [photo]);
  const close = () => {
    clearPhotos();
    leave();
  };
  if (photo === undefined) return null;
  const known = contract.value;
  return (
    <section class="stage" aria-label={words().stage.photos}>
      <View ratio={photo.error === null ? ratio : USUAL_RATIO}>
        {photo.error === null ? (
          <img
            src={photo.address}
            alt={photo.name}
            onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) =>
              setRatio(naturalWidth / naturalHeight)
            }
          />
        ) : (
          <p class="message" role="alert">
            {photo.error}
          </p>
        )}
        <canvas
          ref={canvas}
          class="overlay"
          role="img"
          hidden={photo.error !== null}
          aria-label={known === null ? words().stage.picture : described(photo.result, known)}
        />
        {photo.result === null && photo.error === null && <Waiting />}
      </View>
      <div class="tools" role="toolbar" aria-label={words().stage.photos}>
        <div class="strip">
          {photos.value.map((each, place) => (
            <button
              key={each.address}
              class={each.error === null ? "thumb" : "thumb broken"}
              aria-pressed={place === chosen.value}
              aria-label={fill(words().stage.photo, { number: place + 1, name: each.name })}
              onClick={() => (chosen.value = place)}
            >
              {each.error === null ? <img src={each.address} alt="" /> : "!"}
            </button>
          ))}
          <button class="thumb" aria-label={words().stage.more} onClick={chooseFiles}>
            <PlusIcon />
          </button>
        </div>
        <button class="tool end" onClick={close}>
          <CloseIcon /> <span>{words().stage.close}</span>
        </button>
      </div>
    </section>
  );
}

/** Let a video stand still while it should; returns how to play it from when it may. */
function usePlaying(video: { current: HTMLVideoElement | null }): () => void {
  const wanted = useRef(false);
  const play = () => {
    wanted.current = halted.value;
    if (!halted.value) void video.current!.play().catch(() => {});
  };
  useEffect(() => {
    if (!halted.value) {
      if (wanted.current) play();
      return;
    }
    wanted.current ||= !video.current!.paused;
    video.current!.pause();
    keepSubject(video.current);
  }, [halted.value]);
  return play;
}

/** Draw anew when what is drawn changes, and when the canvas gets another size or comes back. */
function useDrawing(
  canvas: { current: HTMLCanvasElement | null },
  draw: () => void,
  drawn: unknown,
): void {
  useEffect(() => {
    const watching = new ResizeObserver(draw);
    if (canvas.current !== null) watching.observe(canvas.current);
    return () => watching.disconnect();
  }, [drawn]);
}

/** A stage with the shape of what is on it. */
function View({ ratio, children }: { ratio: number; children: ComponentChildren }) {
  const shape = Math.min(Math.max(ratio, NARROWEST), WIDEST);
  return (
    <div class="view" style={{ "--ratio": shape.toFixed(4) }}>
      {children}
    </div>
  );
}

function ratioOf(video: HTMLVideoElement): number {
  return video.videoHeight > 0 ? video.videoWidth / video.videoHeight : USUAL_RATIO;
}

function Overlay({ canvas }: { canvas: { current: HTMLCanvasElement | null } }) {
  const known = contract.value;
  return (
    <canvas
      ref={canvas}
      class="overlay"
      role="img"
      aria-label={known === null ? words().stage.picture : described(shown.value, known)}
    />
  );
}

/** What the visitor should know while nothing is drawn. */
function Hint() {
  if (asking.value) {
    return (
      <p class="asking">
        <CameraIcon /> {words().camera.asking}
      </p>
    );
  }
  if (!loading.value.ready) return <Waiting />;
  if (shown.value !== null && shown.value.faces.length === 0) {
    return <p class="hint">{words().stage.noFace}</p>;
  }
  return null;
}

function Waiting() {
  const text = loading.value.ready
    ? words().stage.analysing
    : fill(words().status.loading, { share: percent(loadedShare.value) });
  return (
    <p class="hint" role="status">
      {text}
    </p>
  );
}

function PauseButton() {
  const said = words().camera;
  return (
    <button class="tool" aria-pressed={paused.value} onClick={() => (paused.value = !paused.value)}>
      {paused.value ? <PlayIcon /> : <PauseIcon />}
      <span>{paused.value ? said.go : said.pause}</span>
    </button>
  );
}

function Toggle({
  label,
  value,
  icon,
}: {
  label: string;
  value: { value: boolean };
  icon: ComponentChildren;
}) {
  return (
    <button
      class="tool"
      aria-pressed={value.value}
      onClick={() => (value.value = !value.value)}
    >
      {icon} <span>{label}</span>
    </button>
  );
}

function SnapshotButton({ video }: { video: { current: HTMLVideoElement | null } }) {
  const known = contract.value;
  const take = () => {
    const result = shown.value;
    if (video.current === null || result === null || known === null) return;
    const canvas = document.createElement("canvas");
    canvas.width = result.width;
    canvas.height = result.height;
    const drawn = canvas.getContext("2d")!;
    const mirrored = source.value.kind === "camera" && mirror.value;
    drawn.save();
    if (mirrored) drawn.setTransform(-1, 0, 0, 1, canvas.width, 0);
    drawn.drawImage(video.current, 0, 0);
    drawn.restore();
    const text = Math.max(12, canvas.height / 28);
    drawFaces(drawn, result, known, { mirrored, scale: 1, text });
    canvas.toBlob((blob) => blob && download([blob], "image/png", `${fileName()}.png`));
  };
  return (
    <button class="tool" disabled={shown.value === null} onClick={take}>
      <SnapshotIcon /> <span>{words().camera.snapshot}</span>
    </button>
  );
}

/** Draw a result over the picture as it lies on the screen. */
function drawOver(canvas: HTMLCanvasElement | null, result: FrameResult, mirrored: boolean): void {
  const known = contract.value;
  if (canvas === null || known === null) return;
  const ratio = devicePixelRatio || 1;
  const box = canvas.getBoundingClientRect();
  const width = Math.round(box.width * ratio);
  const height = Math.round(box.height * ratio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const drawn = canvas.getContext("2d")!;
  drawn.setTransform(1, 0, 0, 1, 0, 0);
  drawn.clearRect(0, 0, width, height);
  const scale = Math.min(width / result.width, height / result.height);
  const left = (width - result.width * scale) / 2;
  const top = (height - result.height * scale) / 2;
  drawn.translate(left, top);
  const text = box.width < NARROW_PX ? SMALL_TEXT_PX : TEXT_PX;
  drawFaces(drawn, result, known, { mirrored, scale, text: text * ratio });
}

/** Remember what was looked at last, for the page that explains. */
function keepSubject(video: HTMLVideoElement | null): void {
  if (video === null || video.videoWidth === 0) return;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")!.drawImage(video, 0, 0);
  canvas.toBlob((blob) => (subject.value = blob), "image/png");
}
