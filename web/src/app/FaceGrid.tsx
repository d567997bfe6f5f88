import { useState } from "preact/hooks";

import { useOpenForUnits } from "../units/opening";
import { fill, labelWord, words } from "../words";
import { Crop } from "./Crop";
import { awayWord, cardClass, type Listed, Opened, pointing } from "./listed";
import { labelText, shareText } from "./overlay";
import { contract } from "./state";

type Order = "number" | "emotion" | "confidence";

/** Many faces, to be sorted and filtered; the chosen one shows its bars. */
export function FaceGrid({ faces }: { faces: Listed[] }) {
  const [order, setOrder] = useState<Order>("number");
  const [wanted, setWanted] = useState<number | null>(null);
  const [chosen, setChosen] = useState<number | null>(null);
  const said = words().people;
  const { labels } = contract.value!;
  const counts = labels.map((_, place) => faces.filter(({ face }) => face?.label === place).length);
  const kept = faces.filter(({ face }) => wanted === null || face?.label === wanted);
  const listed = sorted(kept, order);
  const opened = listed.find(({ number }) => number === chosen);
  const choose = useOpenForUnits(
    listed,
    ({ number }) => number === chosen,
    ({ number }) => setChosen(number),
  );
  return (
    <div class="crowd">
      <div class="sorting">
        <label>
          <span>{said.order}</span>
          <select value={order} onChange={(event) => setOrder(event.currentTarget.value as Order)}>
            <option value="number">{said.byNumber}</option>
            <option value="emotion">{said.byEmotion}</option>
            <option value="confidence">{said.byConfidence}</option>
          </select>
        </label>
        <div class="filters" role="group" aria-label={said.filter}>
          {labels.map(
            (label, place) =>
              (counts[place]! > 0 || wanted === place) && (
                <button
                  type="button"
                  key={label}
                  class="chip"
                  aria-pressed={wanted === place}
                  onClick={() => setWanted(wanted === place ? null : place)}
                >
                  <span class="dot" style={{ background: `var(--${label})` }} />
                  {labelWord(label)} {counts[place]}
                </button>
              ),
          )}
        </div>
      </div>
      {opened !== undefined && (
        <section class="card chosen" aria-label={opened.name}>
          <p class="label">
            <Crop image={opened.portrait} number={opened.number} />
            <strong>{opened.face !== null && labelText(opened.face, contract.value!)}</strong>{" "}
            <span class="name">{opened.name}</span>
          </p>
          <Opened key={opened.number} listed={opened} />
        </section>
      )}
      <ul class="people tiles" aria-labelledby="faces-heading">
        {listed.map((each) => (
          <li key={each.number} class={`${cardClass(each)} tile`} {...pointing(each.number)}>
            <button
              type="button"
              aria-pressed={each.number === chosen}
              aria-label={spoken(each)}
              title={spoken(each)}
              onClick={() => {
                choose();
                setChosen(each.number === chosen ? null : each.number);
              }}
            >
              <Crop image={each.portrait} />
              <span class="share">
                <span class="dot" style={{ background: colour(each) }} />
                {each.number}
              </span>
            </button>
          </li>
        ))}
      </ul>
      <p class="quiet" role="status">
        {fill(said.listed, { count: listed.length, all: faces.length })}
      </p>
    </div>
  );
}

function sorted(faces: Listed[], order: Order): Listed[] {
  const confidence = ({ face }: Listed) => face?.confidence ?? -1;
  const label = ({ face }: Listed) => face?.label ?? Number.POSITIVE_INFINITY;
  const by: Record<Order, (a: Listed, b: Listed) => number> = {
    number: () => 0,
    emotion: (a, b) => label(a) - label(b) || confidence(b) - confidence(a),
    confidence: (a, b) => confidence(b) - confidence(a),
  };
  return [...faces].sort(by[order]);
}

function wordOf({ face }: Listed): string {
  return face === null ? "" : labelWord(contract.value!.labels[face.label]!);
}

function colour({ face }: Listed): string {
  return face === null ? "var(--line)" : `var(--${contract.value!.labels[face.label]!})`;
}

/** A face in words: name, expression and share. */
function spoken(listed: Listed): string {
  const { face, name, away } = listed;
  const share = away || face === null ? "" : shareText(face);
  return [`${name}: ${wordOf(listed)}`, share, away ? awayWord() : ""]
    .filter((part) => part !== "")
    .join(", ");
}
