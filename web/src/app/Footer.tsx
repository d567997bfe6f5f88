import { fill, words } from "../words";
import { contract } from "./state";

/** What else there is of mien, and what the page is made of. */
export function Footer() {
  const said = words().footer;
  return (
    <footer class="foot">
      <p>
        mien {contract.value?.version ?? ""} · {fill(said.licence, { name: "Apache-2.0" })}
      </p>
      <p>
        {said.line} <code>mien analyze video.mp4</code> · {said.api} <code>mien serve</code>
      </p>
      <p>
        {said.madeWith} ONNX Runtime Web (MIT), Preact (MIT), Inter (OFL-1.1),{" "}
        <a href="https://mediabunny.dev/" rel="noreferrer">
          Mediabunny
        </a>{" "}
        (MPL-2.0)
      </p>
    </footer>
  );
}
