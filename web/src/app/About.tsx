import { percent, words } from "../words";
import { contract } from "./state";

/** Measured figures, limits and responsible use; the figures come from the model file itself. */
export function About() {
  const said = words().about;
  const known = contract.value;
  return (
    <article class="prose about">
      <h1>{said.heading}</h1>
      <p class="lead">{said.lead}</p>
      <section>
        <h2>{said.figures}</h2>
        <p>{said.figuresText}</p>
        {known !== null && <Figures figures={known.emotion.spec.figures} />}
      </section>
      <div class="columns">
        <section>
          <h2>{said.limits}</h2>
          <ul>
            {said.limitsText.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </section>
        <section>
          <h2>{said.use}</h2>
          <ul>
            {said.useText.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </section>
      </div>
      {known !== null && (
        <section>
          <h2>{said.files}</h2>
          <dl class="files">
            {[known.emotion, known.face].map((model) => (
              <div key={model.file}>
                <dt>
                  {model.spec.name}, {(model.bytes / 1e6).toFixed(2)} MB
                </dt>
                <dd>
                  <code>SHA-256 {model.sha256}</code>
                </dd>
              </div>
            ))}
            <div>
              <dt>{said.threshold}</dt>
              <dd>{percent(known.emotion.spec.six!.unsure_below)}</dd>
            </div>
          </dl>
        </section>
      )}
    </article>
  );
}

/** A figure's name is `data, part, protocol: metric`, with `leak-free` among the first if it is. */
function Figures({ figures }: { figures: Record<string, number> }) {
  const rows = new Map<string, Record<string, number>>();
  for (const [name, value] of Object.entries(figures)) {
    const [protocol, metric] = name.split(": ");
    if (protocol === undefined || metric === undefined) continue;
    rows.set(protocol, { ...rows.get(protocol), [metric]: value });
  }
  const said = words().about;
  const shown = [...rows].filter(([, metrics]) => metrics.accuracy !== undefined);
  if (shown.length === 0) return <p class="quiet">{said.none}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <div class="scroll" tabIndex={0} role="region" aria-label={said.figures}>
      <table class="figures">
        <thead>
          <tr>
            <th>{said.protocol}</th>
            <th>{said.accuracy}</th>
            <th>{said.balanced}</th>
            <th>{said.ece}</th>
          </tr>
        </thead>
        <tbody>
          {named(shown).map(([protocol, metrics]) => (
            <tr key={protocol}>
              <th scope="row">{protocol}</th>
              <td>{share(metrics.accuracy)}</td>
              <td>{share(metrics.balanced_accuracy)}</td>
              <td>{metrics.ece?.toFixed(3) ?? "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Call each row by what it does not share with all others, in words where there are some. */
function named<Value>(rows: [string, Value][]): [string, Value][] {
  const known: Record<string, string> = words().about.protocols;
  const pieces = rows.map(([name]) => name.split(", "));
  const told = (piece: string) =>
    rows.length === 1 || !pieces.every((each) => each.includes(piece));
  return rows
    .map(([, value], row): [string, Value] => {
      const name = pieces[row]!.filter(told).map((piece) => known[piece] ?? piece);
      return [name.join(", "), value];
    })
    .sort(([a], [b]) => a.localeCompare(b));
}

function share(value: number | undefined): string {
  return value === undefined ? "–" : percent(value, 1);
}
