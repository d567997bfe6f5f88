import { fill, labelWord, percent, words } from "../words";
import type { Episode } from "./episodes";
import { download } from "./save";

/** Above this share of unsure answers an episode is called unsure, as in Python's subtitles. */
const UNSURE = 0.5;

/** Save episodes as subtitles (SubRip), which players show over the video. */
export function saveSrt(episodes: Episode[], labels: string[], name: string): void {
  download([srtText(episodes, labels)], "application/x-subrip", `${name}.srt`);
}

/** One cue per episode, in order of time. */
export function srtText(episodes: Episode[], labels: string[]): string {
  const cues = episodes.map((episode, place) => {
    const { person, label, start_s, end_s, mean_confidence, unsure_share } = episode;
    const who = fill(words().people.person, { number: person + 1 });
    const unsure = unsure_share > UNSURE ? `, ${words().people.unsure}` : "";
    const what = `${labelWord(labels[label]!)} ${percent(mean_confidence)}${unsure}`;
    return `${place + 1}\n${time(start_s)} --> ${time(end_s)}\n${who}: ${what}\n`;
  });
  return cues.join("\n");
}

function time(seconds: number): string {
  const whole = Math.round(1000 * seconds);
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const rest = String(whole % 1000).padStart(3, "0");
  return `${two(whole / 3_600_000)}:${two((whole / 60_000) % 60)}:${two((whole / 1000) % 60)},${rest}`;
}
