import { nextFrame } from "../app/live";
import { within } from "../app/scope";
import { contract, engine, loaded } from "../app/state";
import { closePortraits } from "../engine/portraits";
import { CROP_PX } from "./card";
import type { Game } from "./game";

/** Play a game with what a camera's video element shows; `changed` hears of every frame. */
export async function playGame(
  game: Game,
  video: HTMLVideoElement,
  signal: AbortSignal,
  changed: () => void,
): Promise<void> {
  await within(signal, loaded());
  const minFacePx = contract.value!.detection.min_face_px;
  while (!game.isOver) {
    await within(signal, nextFrame(video));
    const time_s = performance.now() / 1000;
    const copied = createImageBitmap(video);
    const bitmap = await within(signal, copied, (late) => late.close());
    const { faces, portraits } = await within(
      signal,
      engine.glance(bitmap, minFacePx, CROP_PX),
      (late) => closePortraits([late]),
    );
    const [face, portrait] = [faces[0], portraits?.[0]];
    const seen = face !== undefined && portrait !== undefined;
    game.see(time_s, seen ? { probabilities: face.probabilities, image: portrait.image } : null);
    changed();
  }
}
