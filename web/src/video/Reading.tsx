import { clock, fill, language, percent, words } from "../words";
import { progress } from "./analysis";

/** How much of the video is analysed, and whether all of it could be read. */
export function Reading() {
  const now = progress.value;
  if (now === null) return null;
  const said = words().video;
  const frames = now.frames.toLocaleString(language.value);
  const time = clock(now.length_s);
  const values = { frames, time, share: percent(now.share ?? 0) };
  const done = now.fault === null ? said.done : said.part;
  const going = now.share === null ? said.readingOn : said.reading;
  const sentence = now.isDone ? done : going;
  const skipped = now.skipped.toLocaleString(language.value);
  return (
    <div class="reading">
      {!now.isDone && (
        <div
          class="bar-of"
          role="progressbar"
          aria-label={said.progress}
          aria-valuenow={Math.round(100 * (now.share ?? 0))}
        >
          <span style={{ transform: `scaleX(${now.share ?? 0})` }} />
        </div>
      )}
      <p class="quiet">{fill(sentence, values)}</p>
      {now.skipped > 0 && <p class="quiet">{fill(said.skipped, { frames: skipped })}</p>}
      {now.fault !== null && (
        <p class="fault" role="alert">
          {now.fault()}
        </p>
      )}
    </div>
  );
}
