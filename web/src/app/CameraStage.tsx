import { useEffect, useRef, useState } from "preact/hooks";

import type { FoundFaces, FrameResult } from "../engine/faces";
import { words } from "../words";
import { CameraRefusal } from "./CameraRefusal";
import { CameraIcon, MirrorIcon, NeutralIcon, StopIcon, WaveIcon } from "./icons";
import {
  asking,
  cameraId,
  cameras,
  findUntilReady,
  halted,
  hasBaseline,
  LiveLoop,
  mirror,
  neutral,
  newSession,
  openCamera,
  paused,
  refusal,
  release,
  shown,
  smooth,
} from "./live";
import { leave } from "./opening";
import { pointed, useDrawing } from "./overlay";
import { BaselineToggle, keepSubject, Overlay, ratioOf, usePlayed } from "./StageParts";
import { start as run, useScope, within } from "./scope";
import { loading, route, trouble, until, viewSignal } from "./state";
import { CloseButton, PauseButton, SnapshotButton, Toggle, Tool } from "./Tools";
import { drawFoundOver, drawOver, pointAt, USUAL_RATIO, View } from "./View";
import { Waiting } from "./Waiting";

const RETRY_MS = 1500;

/** What a camera shows, analysed as it comes. */
export function CameraStage({ onStage }: { onStage: AbortSignal }) {
  const video = useRef<HTMLVideoElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const stream = useRef<MediaStream | null>(null);
  const loop = useRef<LiveLoop | null>(null);
  const again = useRef<HTMLButtonElement>(null);
  /** Of two attempts to connect at once, the later one is meant. */
  const connection = useScope();
  const [ratio, setRatio] = useState(USUAL_RATIO);
  const [stopped, setStopped] = useState(false);
  const [gone, setGone] = useState(false);
  const [found, setFound] = useState<FoundFaces | null>(null);
  const play = usePlaying(video);
  /** The camera is off while another page is looked at. */
  const on = !stopped && route.value === "stage";

  /** Show the camera; false if there is none. */
  const connect = async (): Promise<boolean> => {
    const signal = connection.begin(onStage, viewSignal());
    release(stream.current);
    stream.current = null;
    const opened = await openCamera(signal);
    if (opened === null) return false;
    stream.current = opened;
    opened.getVideoTracks()[0]!.onended = () => {
      if (!signal.aborted) run(lost());
    };
    video.current!.srcObject = opened;
    setGone(false);
    paused.value = false;
    play();
    return true;
  };

  const lost = async (): Promise<void> => {
    // An image that stands still needs no camera until it shall go on.
    await within(
      connection.signal,
      until(() => !paused.value),
    );
    setGone(true);
    while (!(await connect())) {
      // It is looked for until it is there; the visitor has nothing to do.
      refusal.value = null;
      trouble.value = () => words().camera.lost;
      const pause = new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      await within(connection.signal, pause);
    }
  };

  const start = async (): Promise<void> => {
    if (!(await connect())) {
      if (loop.current === null) leave();
      else setStopped(true);
      return;
    }
    if (loop.current !== null) return;
    const early = (faces: FoundFaces) => {
      setFound(faces);
      drawFoundOver(canvas.current, faces, mirror.value);
    };
    run(findUntilReady(video.current!, connection.signal, early));
    await newSession("camera", onStage);
    loop.current = new LiveLoop(video.current!, onStage, draw);
  };

  const change = async (deviceId: string): Promise<void> => {
    cameraId.value = deviceId;
    if (await connect()) return;
    // The next try takes any camera: this one may be in use elsewhere for long.
    cameraId.value = "";
    setStopped(true);
  };

  const switchOff = () => {
    connection.end();
    // Who paused and went elsewhere does not expect the camera to be on upon return.
    if (paused.value) setStopped(true);
    video.current?.pause();
    keepSubject(video.current);
    release(stream.current);
    stream.current = null;
  };

  useEffect(() => {
    if (!on) return;
    run(start());
    return switchOff;
  }, [on]);
  usePlayed(video);
  useEffect(() => {
    if (stopped) again.current?.focus();
  }, [stopped]);

  const stop = () => {
    connection.end();
    trouble.value = null;
    // Before anything came there is nothing to stay for.
    if (loop.current === null) leave();
    else setStopped(true);
  };

  const draw = (result: FrameResult) => drawOver(canvas.current, result, mirror.value, shown.value);
  useDrawing(canvas, () => shown.value !== null && draw(shown.value), mirror.value, pointed.value);
  const said = words().camera;
  return (
    <section class="stage" aria-label={said.device}>
      <View
        ratio={ratio}
        point={(event) => pointAt(event, canvas.current, shown.value, mirror.value)}
      >
        <video
          ref={video}
          muted
          playsInline
          class={mirror.value ? "mirrored" : ""}
          onResize={({ currentTarget }) => setRatio(ratioOf(currentTarget))}
        />
        <Overlay canvas={canvas} />
        {stopped ? <p class="hint">{said.off}</p> : <Hint found={found} gone={gone} />}
      </View>
      <div class="tools" role="toolbar" aria-label={said.device}>
        {!stopped && cameras.value.length > 1 && (
          <select
            aria-label={said.device}
            value={cameraId.value}
            onChange={({ currentTarget }) => run(change(currentTarget.value))}
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
        {!stopped && <Toggle label={said.smooth} value={smooth} icon={<WaveIcon />} />}
        {!stopped && <BaselineToggle />}
        {!stopped && hasBaseline.value && (
          <Tool
            label={said.neutral}
            icon={<NeutralIcon />}
            pressed={neutral.value}
            disabled={shown.value === null}
            onClick={() => (neutral.value = true)}
          />
        )}
        {stopped ? (
          <CloseButton key="close" />
        ) : (
          <Tool key="stop" end named label={said.stop} icon={<StopIcon />} onClick={stop} />
        )}
      </div>
      {stopped && <CameraRefusal retry={() => setStopped(false)} />}
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

/** What the visitor should know while nothing is drawn. */
function Hint({ found, gone }: { found: FoundFaces | null; gone: boolean }) {
  if (asking.value !== null) {
    return (
      <p class="asking">
        <CameraIcon /> {words().camera.asking}
      </p>
    );
  }
  if (!loading.value.ready) return <Waiting found={found} />;
  // That the camera is gone is said above.
  if (!gone && shown.value !== null && shown.value.faces.length === 0) {
    return <p class="hint">{words().stage.noFace}</p>;
  }
  return null;
}
