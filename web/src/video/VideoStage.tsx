import { useEffect, useRef, useState } from "preact/hooks";

import { WaveIcon } from "../app/icons";
import { estimates, session, shown, smooth } from "../app/live";
import { mayGo } from "../app/opening";
import { pointed, useDrawing } from "../app/overlay";
import { BaselineToggle, keepSubject, Overlay, ratioOf, usePlayed } from "../app/StageParts";
import { start } from "../app/scope";
import { loading, route, trouble } from "../app/state";
import { CloseButton, SnapshotButton, Toggle } from "../app/Tools";
import { clearOver, drawOver, pointAt, USUAL_RATIO, View } from "../app/View";
import { Waiting } from "../app/Waiting";
import { unitsOn } from "../units/switch";
import { fill, percent, words } from "../words";
import { analyseVideo, progress } from "./analysis";
import { Moments } from "./Moments";
import { followFrames, player, playhead_s } from "./playhead";
import { Reading } from "./Reading";
import { VideoTimeline } from "./VideoTimeline";

const SHOWN_EVERY_MS = 120;

/** A video file: analysed in the background, and played at any time with what was found. */
export function VideoStage({ file, onStage }: { file: File; onStage: AbortSignal }) {
  const video = useRef<HTMLVideoElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown_ms = useRef(0);
  const [ratio, setRatio] = useState(USUAL_RATIO);

  const draw = () => {
    if (shown.value === null) clearOver(canvas.current);
    else drawOver(canvas.current, shown.value, false, shown.value);
  };
  /** Show what was found in the frame of a time. */
  const show = (media_s: number) => {
    const time_s = media_s - (progress.value?.first_s ?? 0);
    playhead_s.value = time_s;
    const found = session.value?.at(time_s) ?? null;
    const now = performance.now();
    if (now - shown_ms.current > SHOWN_EVERY_MS || video.current!.paused || found === null) {
      shown.value = found;
      shown_ms.current = now;
    }
    if (found === null) clearOver(canvas.current);
    else drawOver(canvas.current, found, false, shown.value);
  };

  useEffect(() => {
    const address = URL.createObjectURL(file);
    const element = video.current!;
    element.src = address;
    player.value = element;
    playhead_s.value = 0;
    followFrames(element, onStage, show);
    return () => {
      keepSubject(element);
      player.value = null;
      progress.value = null;
      URL.revokeObjectURL(address);
    };
  }, []);
  // What was read stays read when units are turned off.
  const units = useRef(unitsOn.value);
  units.current ||= unitsOn.value;
  useEffect(() => {
    const choices = { smooth: smooth.value, estimates: estimates.value, units: units.current };
    start(analyseVideo(file, onStage, choices));
  }, [smooth.value, estimates.value, units.current]);
  // What was not read before may be there by now.
  useEffect(() => {
    if (video.current!.paused) show(video.current!.currentTime);
  }, [progress.value]);
  useEffect(() => {
    if (route.value === "stage") return;
    video.current!.pause();
    keepSubject(video.current);
  }, [route.value]);
  usePlayed(video);
  useDrawing(canvas, draw, file, pointed.value, shown.value);

  const failed = () => {
    trouble.value = () => fill(words().stage.unplayable, { name: file.name });
  };
  return (
    <section class="stage" aria-label={file.name}>
      <View ratio={ratio} point={(event) => pointAt(event, canvas.current, shown.value, false)}>
        <video
          ref={video}
          muted
          playsInline
          controls
          preload="auto"
          onError={failed}
          onResize={({ currentTarget }) => setRatio(ratioOf(currentTarget))}
        />
        <Overlay canvas={canvas} />
        <Hint />
      </View>
      <VideoTimeline />
      <Reading />
      <div class="tools" role="toolbar" aria-label={file.name}>
        <span class="filename">{file.name}</span>
        <SnapshotButton video={video} />
        <Toggle label={words().camera.smooth} value={smooth} icon={<WaveIcon />} may={mayGo} />
        <BaselineToggle may={mayGo} />
        <CloseButton />
      </div>
      <Moments />
    </section>
  );
}

/** What the visitor should know where no face is drawn. */
function Hint() {
  if (!loading.value.ready) return <Waiting />;
  if (shown.value === null) {
    const share = progress.value?.share ?? null;
    const waits = share === null ? words().stage.analysing : words().video.notYet;
    const said = progress.value?.isDone ? words().video.unread : waits;
    return (
      <p class="hint" role="status">
        {fill(said, { share: percent(share ?? 0) })}
      </p>
    );
  }
  return shown.value.faces.length === 0 ? <p class="hint">{words().stage.noFace}</p> : null;
}
