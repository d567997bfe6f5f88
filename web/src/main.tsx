import "./style.css";

import { render } from "preact";

import { App } from "./app/App";
import { load } from "./app/state";

render(<App />, document.getElementById("app")!);
load().catch(() => {});

if ("serviceWorker" in navigator && import.meta.env.PROD) {
  void navigator.serviceWorker.register("./sw.js").catch(() => {});
}
