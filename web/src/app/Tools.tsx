import type { ComponentChildren } from "preact";

import type { FrameResult } from "../engine/faces";
import { drawResult } from "../units/drawn";
import { words } from "../words";
import { CloseIcon, PauseIcon, PlayIcon, SnapshotIcon } from "./icons";
import { mirror, paused, shown } from "./live";
import { close } from "./opening";
import { download, fileName } from "./save";
import { contract, packed, source } from "./state";

/** One thing that can be done; on a phone only those that are `named` show their words. */
export function Tool({
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
      type="button"
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

export function CloseButton() {
  return <Tool end named label={words().stage.close} icon={<CloseIcon />} onClick={close} />;
}

export function PauseButton() {
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

export function Toggle({
  label,
  value,
  icon,
  may,
}: {
  label: string;
  value: { value: boolean };
  icon: ComponentChildren;
  /** Whether it may be turned, where something is lost with it. */
  may?: () => boolean;
}) {
  const turn = () => {
    if (may?.() ?? true) value.value = !value.value;
  };
  return <Tool label={label} icon={icon} pressed={value.value} onClick={turn} />;
}

export function SnapshotButton({ video }: { video: { current: HTMLVideoElement | null } }) {
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

/** Save an image with its boxes and labels, and with expression units if they are on. */
export function saveDrawn(image: CanvasImageSource, result: FrameResult, mirrored: boolean): void {
  const canvas = document.createElement("canvas");
  canvas.width = result.width;
  canvas.height = result.height;
  const drawn = canvas.getContext("2d")!;
  drawn.save();
  if (mirrored) drawn.setTransform(-1, 0, 0, 1, canvas.width, 0);
  drawn.drawImage(image, 0, 0);
  drawn.restore();
  const text = Math.max(12, canvas.height / 28);
  drawResult(drawn, result, contract.value!, { mirrored, scale: 1, text });
  const name = `${fileName()}.png`;
  void packed(canvas, "image/png").then((blob) => blob && download([blob], "image/png", name));
}
