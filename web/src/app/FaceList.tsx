import { useState } from "preact/hooks";

import { useOpenForUnits } from "../units/opening";
import { Crop } from "./Crop";
import { FaceGrid } from "./FaceGrid";
import { ChevronIcon } from "./icons";
import { awayWord, cardClass, type Listed, Opened, pointing } from "./listed";
import { labelText, shareText } from "./overlay";
import { contract } from "./state";

/** More are a grid. */
const MOST_ROWS = 6;
/** So few are open from the start. */
const OPEN_AT_ONCE = 2;

/** Faces or people, each a row that opens to bars; many are a grid. */
export function FaceList({ faces }: { faces: Listed[] }) {
  return faces.length <= MOST_ROWS ? <FaceRows faces={faces} /> : <FaceGrid faces={faces} />;
}

function FaceRows({ faces }: { faces: Listed[] }) {
  const [turned, setTurned] = useState(new Map<number, boolean>());
  const isOpen = ({ number, away }: Listed) =>
    turned.get(number) ?? (faces.length <= OPEN_AT_ONCE && !away);
  const turn = (face: Listed) => setTurned(new Map(turned).set(face.number, !isOpen(face)));
  const choose = useOpenForUnits(faces, isOpen, turn);
  return (
    <ul class="people" aria-labelledby="faces-heading">
      {faces.map((each) => (
        <FaceRow
          key={each.number}
          listed={each}
          open={isOpen(each)}
          turn={() => {
            choose();
            turn(each);
          }}
        />
      ))}
    </ul>
  );
}

function FaceRow({ listed, open, turn }: { listed: Listed; open: boolean; turn: () => void }) {
  const { number, name, face, away, portrait, summary } = listed;
  const label = face === null ? null : contract.value!.labels[face.label]!;
  return (
    <li class={cardClass(listed)} {...pointing(number)}>
      <button type="button" class="face" aria-expanded={open} onClick={turn}>
        <Crop image={portrait} number={number} />
        <span class="label">
          <strong>{face === null ? name : labelText(face, contract.value!)}</strong>
          <span class="name">{label === null ? summary : name}</span>
        </span>
        <span class="share">
          {away ? awayWord() : face === null ? "" : shareText(face)}
          {label !== null && <span class="dot" style={{ background: `var(--${label})` }} />}
        </span>
        <ChevronIcon />
      </button>
      {open && <Opened listed={listed} />}
    </li>
  );
}
