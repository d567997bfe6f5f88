import "./styles/index.css";

import { render } from "preact";

import { App } from "./app/App";
import { load, loaded } from "./app/state";

load().catch(() => {});
// A task of its own: reading the script and drawing the page are each short enough not to be felt.
setTimeout(() => render(<App />, document.getElementById("app")!));

if ("serviceWorker" in navigator && import.meta.env.PROD) {
  // What the page has fetched by then, the worker need not fetch again.
  void loaded()
    .then(() => navigator.serviceWorker.register("./sw.js"))
    .catch(() => {});
}
