import type { Contract } from "../engine/contract";
import { percent, words } from "../words";
import { contract } from "./state";

/** The order of the protocols: first what users see, then what papers report. */
const ORDER = ["six-ferplus", "six-fer2013", "ferplus-8", "fer2013-7", "fer2013-6"];

/** One sentence and four figures; the rest unfolds. The figures come from the model file itself. */
export function About() {
  const said = words().about;
  const known = contract.value;
  return (
    <article class="prose about">
      <h1>{said.heading}</h1>
      <p class="lead">{said.lead}</p>
      {known !== null && <KeyFigures known={known} />}
      <Fold title={said.limits} sentences={said.limitsText} />
      <Fold title={said.use} sentences={said.useText} />
      <details>
        <summary>{said.figures}</summary>
        <p class="quiet">{said.figuresText}</p>
        {known !== null && <Figures figures={known.emotion.spec.figures} />}
      </details>
      {known !== null && (
        <details>
          <summary>{said.files}</summary>
          <dl class="files">
            {[known.emotion, known.face, known.units].map((model) => (
              <div key={model.file}>
                <dt>
                  {model.spec.name}, {megabytes(model.bytes)}
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
        </details>
      )}
    </article>
  );
}

function Fold({ title, sentences }: { title: string; sentences: string[] }) {
  return (
    <details>
      <summary>{title}</summary>
      <ul>
        {sentences.map((sentence) => (
          <li key={sentence}>{sentence}</li>
        ))}
      </ul>
    </details>
  );
}

/** What a visitor wants to know first; a figure that the model file lacks is left out. */
function KeyFigures({ known }: { known: Contract }) {
  const said = words().about.key;
  const { figures } = known.emotion.spec;
  const of = (protocol: string, metric: string) =>
    Object.entries(figures).find(([name]) =>
      name.endsWith(`, ${protocol}, leak-free: ${metric}`),
    )?.[1];
  const [votes, original, error] = [
    of("six-ferplus", "accuracy"),
    of("six-fer2013", "accuracy"),
    of("six-ferplus", "ece"),
  ];
  const shown = [
    { value: votes && share(votes), text: said.votes },
    { value: original && share(original), text: said.original },
    { value: error && share(error), text: said.error },
    { value: megabytes(known.emotion.bytes + known.face.bytes), text: said.size },
  ];
  return (
    <dl class="key-figures">
      {shown.map(
        ({ value, text }) =>
          value !== undefined && (
            <div key={text}>
              <dd>{value}</dd>
              <dt>{text}</dt>
            </div>
          ),
      )}
    </dl>
  );
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A figure's name is `data, part, protocol: metric`, or `data, part, protocol, leak-free: metric`. */
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
  const name = (row: number) => pieces[row]!.filter(told).map((piece) => known[piece] ?? piece);
  return rows
    .map(([, value], row): [string, Value] => [name(row).join(", "), value])
    .map((row, place) => ({ row, order: orderOf(pieces[place]!) }))
    .sort((one, other) => one.order - other.order)
    .map(({ row }) => row);
}

/** Where a row stands, the same in every language; protocols that are not known come last. */
function orderOf(pieces: string[]): number {
  const place = ORDER.findIndex((protocol) => pieces.includes(protocol));
  return (place < 0 ? ORDER.length : place) + (pieces.includes("leak-free") ? 0 : 0.5);
}

function share(value: number | undefined): string {
  return value === undefined ? "–" : percent(value, 1);
}
