import { fill, labelWord, percent, words } from "../words";

/** Six slim bars, one per expression, the shown one in full colour. */
export function Bars({
  labels,
  values,
  shown,
}: {
  labels: string[];
  values: number[];
  shown: number | null;
}) {
  return (
    <ul class="bars">
      {labels.map((label, place) => {
        const share = percent(values[place] ?? 0);
        return (
          <li key={label} class={shown === null || place === shown ? "bar" : "bar quiet"}>
            <span aria-hidden="true">{labelWord(label)}</span>
            <span
              class="track"
              role="img"
              aria-label={fill(words().people.bar, { label: labelWord(label), share })}
            >
              <span
                class="fill"
                style={{
                  transform: `translateX(${100 * (values[place] ?? 0) - 100}%)`,
                  background: `var(--${label}, var(--quiet))`,
                }}
              />
            </span>
            <span class="figure" aria-hidden="true">
              {share}
            </span>
          </li>
        );
      })}
    </ul>
  );
}
