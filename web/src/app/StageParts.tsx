import { useEffect } from "preact/hooks";

import { words } from "../words";
import { RestIcon } from "./icons";
import { estimates, hasBaseline, shown } from "./live";
import { described } from "./overlay";
import { contract, packed, setSubject } from "./state";
import { playing } from "./still";
import { Toggle } from "./Tools";
import { USUAL_RATIO } from "./View";

/** Whether everybody's baseline is taken off, if the network says what it is measured from. */
export function BaselineToggle({ may }: { may?: () => boolean }) {
  if (!hasBaseline.value) return null;
  return (
    <Toggle label={words().camera.estimates} value={estimates} icon={<RestIcon />} may={may} />
  );
}

/** Width by height of what a video shows. */
export function ratioOf(video: HTMLVideoElement): number {
  return video.videoHeight > 0 ? video.videoWidth / video.videoHeight : USUAL_RATIO;
}

/** While it is shown, this video is what the stage shows. */
export function usePlayed(video: { current: HTMLVideoElement | null }): void {
  useEffect(() => {
    playing.value = video.current;
    return () => {
      playing.value = null;
    };
  }, []);
}

/** What is drawn over a video, and said about it. */
export function Overlay({ canvas }: { canvas: { current: HTMLCanvasElement | null } }) {
  const known = contract.value;
  return (
    <canvas
      ref={canvas}
      class="overlay"
      role="img"
      aria-label={known === null ? words().stage.image : described(shown.value, known)}
    />
  );
}

/** Remember what was looked at last, for the page that explains. */
export function keepSubject(video: HTMLVideoElement | null): void {
  if (video === null || video.videoWidth === 0) return;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d")!.drawImage(video, 0, 0);
  setSubject(packed(canvas, "image/png"));
}
