import { labelWord, words } from "../words";
import { contract } from "./state";

/** Brows and mouth of each expression in a square of 64, drawn by hand. */
const LINES: Record<string, string[]> = {
  happy: ["M17 22q5-4 9-1", "M38 21q4-3 9 1", "M18 39c4 10 24 10 28 0z"],
  neutral: ["M17 21h9", "M38 21h9", "M22 43h20"],
  sad: ["M17 23q5-1 9-5", "M38 18q4 4 9 5", "M21 46c4-7 18-7 22 0"],
  angry: ["M16 18l11 6", "M48 18l-11 6", "M22 45c5-4 15-4 20 0"],
  fear: ["M17 20q5-4 10-4", "M37 16q5 0 10 4", "M20 43q4-5 8 0t8 0 8 0"],
  surprise: ["M17 17q5-5 9-1", "M38 16q4-4 9 1", "M32 38a6 7 0 1 0 .1 0z"],
};
/** Eyes are open wider in these. */
const WIDE = ["fear", "surprise"];

/** One expression, drawn. */
export function DrawnFace({ label }: { label: string }) {
  const eye = WIDE.includes(label) ? 4 : 2.6;
  return (
    <svg
      class="drawn-face"
      viewBox="0 0 64 64"
      aria-hidden="true"
      style={{ "--own": `var(--${label})` }}
    >
      <circle class="head" cx="32" cy="32" r="29" />
      <circle class="eye" cx="22" cy="29" r={eye} />
      <circle class="eye" cx="42" cy="29" r={eye} />
      {(LINES[label] ?? []).map((line) => (
        <path key={line} d={line} />
      ))}
    </svg>
  );
}

/** The six expressions that the page knows, drawn. */
export function SixFaces() {
  const labels = contract.value?.labels;
  if (labels === undefined) return null;
  return (
    <section class="six" aria-labelledby="six-heading">
      <div class="row">
        <h2 id="six-heading">{words().start.six}</h2>
        <a href="#/play">{words().play.heading}</a>
      </div>
      <ul>
        {labels.map((label) => (
          <li key={label}>
            <DrawnFace label={label} />
            <span>{labelWord(label)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
