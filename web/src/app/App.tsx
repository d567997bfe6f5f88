import { useEffect, useState } from "preact/hooks";

import { fill, language, LANGUAGES, percent, speak, words, type Language } from "../words";
import { About } from "./About";
import { How } from "./How";
import { CloseIcon } from "./icons";
import { Panel } from "./Panel";
import { Stage } from "./Stage";
import { listenForFiles, Start } from "./Start";
import {
  load,
  loadedShare,
  loading,
  route,
  source,
  theme,
  trouble,
  wear,
  type Route,
  type Theme,
} from "./state";

/** The whole page. */
export function App() {
  const [dropping, setDropping] = useState(false);
  useEffect(() => listenForFiles(setDropping), []);
  useEffect(() => {
    document.documentElement.lang = language.value;
    document.title = words().title;
  }, [language.value]);
  useEffect(() => {
    document.documentElement.dataset["theme"] = theme.value;
  }, [theme.value]);
  return (
    <>
      <a class="skip" href="#content" onClick={skip}>
        {words().skip}
      </a>
      <Header />
      <NotLoaded />
      <Trouble />
      <main id="content" tabIndex={-1}>
        <Content />
      </main>
      {dropping && <div class="dropping">{words().start.dropHere}</div>}
    </>
  );
}

/** Go to the content without changing the address, which says what the content is. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("content")!.focus();
}

/** One of the pages; a session stays behind the others as it is. */
function Content() {
  const live = route.value === "live";
  const started = source.value.kind !== "start";
  return (
    <>
      {started && (
        <div class="live" hidden={!live}>
          <h1 class="spoken">{words().title}</h1>
          <Stage />
          <Panel />
        </div>
      )}
      {live && !started && <Start />}
      {route.value === "how" && <How />}
      {route.value === "about" && <About />}
    </>
  );
}

function Header() {
  const said = words();
  const pages: Route[] = ["live", "how", "about"];
  return (
    <header class="top">
      <a class="mark" href="#/" aria-label="mien">
        <svg viewBox="0 0 64 64" aria-hidden="true">
          <circle cx="20" cy="24" r="5" />
          <circle cx="44" cy="24" r="5" />
          <path d="M15 39c5 9 29 9 34 0" />
        </svg>
        mien
      </a>
      <nav aria-label="mien">
        {pages.map((page) => (
          <a
            key={page}
            href={page === "live" ? "#/" : `#/${page}`}
            aria-current={route.value === page ? "page" : undefined}
          >
            {said.nav[page]}
          </a>
        ))}
      </nav>
      <div class="choices">
        <select
          aria-label={said.language}
          value={language.value}
          onChange={(event) => speak(event.currentTarget.value as Language)}
        >
          {Object.entries(LANGUAGES).map(([code, name]) => (
            <option key={code} value={code}>
              {name}
            </option>
          ))}
        </select>
        <select
          aria-label={said.theme.label}
          value={theme.value}
          onChange={(event) => wear(event.currentTarget.value as Theme)}
        >
          <option value="auto">{said.theme.auto}</option>
          <option value="light">{said.theme.light}</option>
          <option value="dark">{said.theme.dark}</option>
        </select>
      </div>
      <LoadingBar />
    </header>
  );
}

function Trouble() {
  if (trouble.value === null) return null;
  return (
    <div class="trouble" role="alert">
      <p>{trouble.value}</p>
      <button aria-label={words().stage.close} onClick={() => (trouble.value = null)}>
        <CloseIcon />
      </button>
    </div>
  );
}

function NotLoaded() {
  const said = words().status;
  const { error } = loading.value;
  if (error === null) return null;
  return (
    <div class="trouble" role="alert">
      <p>{fill(said.failed, { reason: error })}</p>
      <button class="secondary" onClick={() => void load().catch(() => {})}>
        {said.retry}
      </button>
    </div>
  );
}

function LoadingBar() {
  const { error, ready } = loading.value;
  if (ready || error !== null) return null;
  const share = loadedShare.value;
  return (
    <div
      class="loading"
      role="progressbar"
      aria-label={fill(words().status.loading, { share: percent(share) })}
      aria-valuenow={Math.round(100 * share)}
    >
      <span style={{ transform: `scaleX(${share})` }} />
    </div>
  );
}
