import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { FrameResult } from "../engine/faces";
import { fill, language, words } from "../words";
import {
  BinIcon,
  CameraIcon,
  CloseIcon,
  MirrorIcon,
  PauseIcon,
  PlayIcon,
  PlusIcon,
  SnapshotIcon,
  StopIcon,
  WaveIcon,
} from "./icons";
import {
  asking,
  cameraId,
  cameras,
  halted,
  LiveLoop,
  mirror,
  newSession,
  openCamera,
  paused,
  release,
  shown,
  smooth,
} from "./live";
import { chooseFiles, close, leave } from "./opening";
import { described, drawFaces, pointed, useDrawing } from "./overlay";
import { chosen, decode, photos, removePhoto, step, type Photo } from "./photos";
import { download, fileName } from "./save";
import { contract, loading, route, source, subject, trouble } from "./state";
import { Waiting } from "./Waiting";

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
  if (now.kind === "camera") return <CameraStage key={now.opened_ms} />;
  if (now.kind === "film") return <FilmStage key={now.file.name} file={now.file} />;
  return <PhotoStage />;
}

function CameraStage() {
  const video = useRef<HTMLVideoElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const stream = useRef<MediaStream | null>(null);
  const loop = useRef<LiveLoop | null>(null);
  const again = useRef<HTMLButtonElement>(null);
  /** Counts the attempts to connect: of two at once, the later one is meant. */
  const attempt = useRef(0);
  const [ratio, setRatio] = useState(USUAL_RATIO);
  const [stopped, setStopped] = useState(false);
  const play = usePlaying(video);
  /** Nobody is filmed while another page is looked at. */
  const on = !stopped && route.value === "stage";

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
      trouble.value = () => words().camera.lost;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      if (mine !== attempt.current) return;
    }
  };

  const start = async (): Promise<void> => {
    if (!(await connect())) {
      if (loop.current === null) leave();
      else setStopped(true);
      return;
    }
    if (loop.current !== null) return;
    await newSession("camera");
    // The visitor may have left meanwhile, or come back from another page.
    if (video.current === null || loop.current !== null) return;
    loop.current = new LiveLoop(video.current, true, draw);
  };

  const switchOff = () => {
    attempt.current++;
    // Who paused and went elsewhere does not expect to be filmed on return.
    if (paused.value) setStopped(true);
    video.current?.pause();
    keepSubject(video.current);
    release(stream.current);
    stream.current = null;
  };

  useEffect(() => {
    if (!on) return;
    void start();
    return switchOff;
  }, [on]);
  useEffect(() => () => loop.current?.stop(), []);
  useEffect(() => {
    if (stopped) again.current?.focus();
  }, [stopped]);

  const stop = () => {
    trouble.value = null;
    // Before anything came there is nothing to stay for.
    if (loop.current === null) leave();
    else setStopped(true);
  };

  const draw = (result: FrameResult) => drawOver(canvas.current, result, mirror.value);
  useDrawing(canvas, () => shown.value !== null && draw(shown.value), mirror.value, pointed.value);
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
        {stopped ? <p class="hint">{said.off}</p> : <Hint />}
      </View>
      <div class="tools" role="toolbar" aria-label={said.device}>
        {!stopped && cameras.value.length > 1 && (
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
        {stopped ? (
          <Tool
            key="again"
            button={again}
            named
            label={said.again}
            icon={<CameraIcon />}
            onClick={() => setStopped(false)}
          />
        ) : (
          <PauseButton key="pause" />
        )}
        <SnapshotButton video={video} />
        <Toggle label={said.mirror} value={mirror} icon={<MirrorIcon />} />
        <Toggle label={said.smooth} value={smooth} icon={<WaveIcon />} />
        {stopped ? (
          <CloseButton key="close" />
        ) : (
          <Tool key="stop" end named label={said.stop} icon={<StopIcon />} onClick={stop} />
        )}
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
  useDrawing(canvas, () => shown.value !== null && draw(shown.value), file, pointed.value);
  useEffect(() => {
    const address = URL.createObjectURL(file);
    let loop: LiveLoop | null = null;
    let mounted = true;
    video.current!.src = address;
    paused.value = false;
    void newSession(file.name).then(() => {
      if (!mounted || video.current === null) return;
      loop = new LiveLoop(video.current, false, draw);
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
    trouble.value = () => fill(words().stage.unplayable, { name: file.name });
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
        <CloseButton />
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
  useDrawing(canvas, draw, photo, pointed.value, language.value);
  useEffect(() => {
    if (photo !== undefined && photo.error === null) subject.value = photo.blob;
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
            {photo.error()}
          </p>
        )}
        <canvas
          ref={canvas}
          class="overlay"
          role="img"
          hidden={photo.error !== null}
          aria-label={known === null ? said.picture : described(photo.result, known)}
        />
        {photo.result === null && photo.error === null && <Waiting />}
      </View>
      <div class="strips">
        <div class="strip">
          {photos.value.map((each, place) => (
            <Thumb key={each.address} photo={each} place={place} />
          ))}
        </div>
        <button class="thumb" aria-label={said.more} title={said.more} onClick={chooseFiles}>
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
    if (current) button.current!.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current]);
  return (
    <button
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

/** One thing that can be done; on a phone only those that are `named` show their words. */
function Tool({
  label,
  icon,
  onClick,
  pressed,
  disabled,
  named,
  end,
  button,
}: {
  label: string;
  icon: ComponentChildren;
  onClick: () => void;
  pressed?: boolean;
  disabled?: boolean;
  named?: boolean;
  end?: boolean;
  button?: { current: HTMLButtonElement | null };
}) {
  return (
    <button
      ref={button}
      class={`tool${named ? " named" : ""}${end ? " end" : ""}`}
      title={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      {icon} <span>{label}</span>
    </button>
  );
}

function CloseButton() {
  return <Tool end named label={words().stage.close} icon={<CloseIcon />} onClick={close} />;
}

function PauseButton() {
  const said = words().camera;
  return (
    <Tool
      named
      label={paused.value ? said.go : said.pause}
      icon={paused.value ? <PlayIcon /> : <PauseIcon />}
      pressed={paused.value}
      onClick={() => (paused.value = !paused.value)}
    />
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
  const turn = () => (value.value = !value.value);
  return <Tool label={label} icon={icon} pressed={value.value} onClick={turn} />;
}

function SnapshotButton({ video }: { video: { current: HTMLVideoElement | null } }) {
  const take = () => {
    if (video.current === null || shown.value === null) return;
    saveDrawn(video.current, shown.value, source.value.kind === "camera" && mirror.value);
  };
  return (
    <Tool
      label={words().camera.snapshot}
      icon={<SnapshotIcon />}
      disabled={shown.value === null}
      onClick={take}
    />
  );
}

/** Save a picture with its boxes and labels. */
function saveDrawn(picture: CanvasImageSource, result: FrameResult, mirrored: boolean): void {
  const canvas = document.createElement("canvas");
  canvas.width = result.width;
  canvas.height = result.height;
  const drawn = canvas.getContext("2d")!;
  drawn.save();
  if (mirrored) drawn.setTransform(-1, 0, 0, 1, canvas.width, 0);
  drawn.drawImage(picture, 0, 0);
  drawn.restore();
  const text = Math.max(12, canvas.height / 28);
  drawFaces(drawn, result, contract.value!, { mirrored, scale: 1, text, pointed: null });
  canvas.toBlob((blob) => blob && download([blob], "image/png", `${fileName()}.png`));
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
  drawFaces(drawn, result, known, { mirrored, scale, text: text * ratio, pointed: pointed.value });
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
