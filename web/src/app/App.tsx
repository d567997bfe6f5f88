import { useEffect, useRef, useState } from "preact/hooks";

import { Play } from "../game/Play";
import { fill, LANGUAGES, type Language, language, percent, setLanguage, words } from "../words";
import { About } from "./About";
import { Footer } from "./Footer";
import { How } from "./How";
import { CloseIcon } from "./icons";
import { listenForFiles } from "./opening";
import { Panel } from "./Panel";
import { Stage } from "./Stage";
import { Start } from "./Start";
import { load, loading, route, setTheme, source, type Theme, theme, trouble } from "./state";

/** The whole page. */
export function App() {
  const [dropping, setDropping] = useState(false);
  useEffect(() => listenForFiles(setDropping), []);
  useEffect(() => {
    document.documentElement.lang = language.value;
    document.title = title();
  }, [language.value, route.value]);
  useEffect(() => {
    document.documentElement.dataset.theme = theme.value;
  }, [theme.value]);
  useFocus();
  return (
    <>
      {/* biome-ignore lint/a11y/useValidAnchor: it leads to a place, without changing the address */}
      <a class="skip" href="#content" onClick={skip}>
        {words().skip}
      </a>
      <Header />
      <NotLoaded />
      <Trouble />
      <main id="content" tabIndex={-1}>
        <Content />
      </main>
      <Footer />
      {dropping && <div class="dropping">{words().start.dropHere}</div>}
    </>
  );
}

/** The document's title: what is looked at, and where. */
function title(): string {
  const said = words();
  if (route.value === "start") return said.title;
  return `${said.nav[route.value === "stage" ? "live" : route.value]} – mien`;
}

/** Give the focus a place when what had it is gone: where it was before the stage, or the content. */
function useFocus(): void {
  const opener = useRef("");
  const first = useRef(true);
  useEffect(() => {
    const remember = (event: FocusEvent) => {
      if (route.value === "start") opener.current = (event.target as HTMLElement).id;
    };
    addEventListener("focusin", remember);
    return () => removeEventListener("focusin", remember);
  }, []);
  useEffect(() => {
    const content = document.getElementById("content")!;
    const focused = document.activeElement ?? document.body;
    const none = focused === document.body || focused === content || !focused.checkVisibility();
    if (none && !first.current) {
      const before = route.value === "start" ? document.getElementById(opener.current) : null;
      (before ?? content).focus({ preventScroll: true });
    }
    first.current = false;
  }, [route.value, source.value]);
}

/** Go to the content without changing the address, which says what the content is. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("content")!.focus();
}

/** One of the pages; a session stays behind the others as it is. */
function Content() {
  const started = source.value.kind !== "start";
  return (
    <>
      {started && (
        <div class="live" hidden={route.value !== "stage"}>
          <h1 class="spoken">{words().title}</h1>
          <Stage />
          <Panel />
        </div>
      )}
      {route.value === "start" && <Start />}
      {route.value === "play" && <Play />}
      {route.value === "how" && <How />}
      {route.value === "about" && <About />}
    </>
  );
}

function Header() {
  const said = words();
  const live = source.value.kind === "start" ? "#/" : "#/stage";
  const pages = [
    { name: said.nav.live, address: live, routes: ["start", "stage"] },
    { name: said.nav.play, address: "#/play", routes: ["play"] },
    { name: said.nav.how, address: "#/how", routes: ["how"] },
    { name: said.nav.about, address: "#/about", routes: ["about"] },
  ];
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
        {pages.map(({ name, address, routes }) => (
          <a
            key={name}
            href={address}
            aria-current={routes.includes(route.value) ? "page" : undefined}
          >
            {name}
          </a>
        ))}
      </nav>
      <div class="choices">
        <select
          aria-label={said.language}
          value={language.value}
          onChange={(event) => setLanguage(event.currentTarget.value as Language)}
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
          onChange={(event) => setTheme(event.currentTarget.value as Theme)}
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
      <p>{trouble.value()}</p>
      <button type="button" aria-label={words().stage.close} onClick={() => (trouble.value = null)}>
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
      <p>{fill(said.failed, { reason: error() })}</p>
      <button type="button" class="secondary" onClick={() => void load().catch(() => {})}>
        {said.retry}
      </button>
    </div>
  );
}

function LoadingBar() {
  const { error, ready, share } = loading.value;
  if (ready || error !== null) return null;
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
