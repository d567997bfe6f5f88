import "./style.css";

import { render } from "preact";

import { App } from "./app/App";
import { load } from "./app/state";

load().catch(() => {});
// A task of its own: reading the script and drawing the page are each short enough not to be felt.
setTimeout(() => render(<App />, document.getElementById("app")!));

if ("serviceWorker" in navigator && import.meta.env.PROD) {
  void navigator.serviceWorker.register("./sw.js").catch(() => {});
}
