import { fill, words } from "../words";
import { contract } from "./state";

const MADE_WITH = [
  { name: "ONNX Runtime Web", licence: "MIT", address: "https://onnxruntime.ai/" },
  { name: "Preact", licence: "MIT", address: "https://preactjs.com/" },
  { name: "Inter", licence: "OFL-1.1", address: "https://rsms.me/inter/" },
  { name: "Mediabunny", licence: "MPL-2.0", address: "https://mediabunny.dev/" },
];

/** What else there is of mien, and what the page is made of. */
export function Footer() {
  const said = words().footer;
  return (
    <footer class="foot">
      <p>
        mien {contract.value?.version ?? ""} ·{" "}
        <a href="https://www.apache.org/licenses/LICENSE-2.0" rel="noreferrer">
          {fill(said.licence, { name: "Apache-2.0" })}
        </a>
      </p>
      <p>
        {said.install} <code>pip install .</code> · {said.line} <code>mien analyze video.mp4</code>{" "}
        · {said.api} <code>mien serve</code>
      </p>
      <p>
        <a href="licences.txt">{said.madeWith}</a>{" "}
        {MADE_WITH.map(({ name, licence, address }, place) => (
          <span key={name}>
            {place > 0 && ", "}
            <a href={address} rel="noreferrer">
              {name}
            </a>{" "}
            ({licence})
          </span>
        ))}
      </p>
    </footer>
  );
}
