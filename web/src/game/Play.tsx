import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";

import { CameraRefusal, offersAgain } from "../app/CameraRefusal";
import { CameraIcon, SaveIcon, StopIcon } from "../app/icons";
import { openCamera, release } from "../app/live";
import { reasonOf } from "../app/reason";
import { DrawnFace } from "../app/SixFaces";
import { download, fileName } from "../app/save";
import { start, useScope } from "../app/scope";
import { contract, loading, trouble, viewSignal } from "../app/state";
import { Waiting } from "../app/Waiting";
import { fill, labelWord, percent, words } from "../words";
import { cardFile, drawCard, scoreText } from "./card";
import { Game } from "./game";
import { playGame } from "./playing";

/** Around the ring: its radius and length in units of its drawing. */
const RADIUS = 46;
const LENGTH = 2 * Math.PI * RADIUS;

interface Card {
  blob: Blob;
  address: string;
  scores: string;
}

/** The newest card stays when another view is looked at. */
const newest = signal<Card | null>(null);

function keep(card: Card | null): void {
  if (newest.value !== null) URL.revokeObjectURL(newest.value.address);
  newest.value = card;
}

/** A game: six expressions to make, and a card of what came of them. */
export function Play() {
  const said = words().play;
  const [stream, setStream] = useState<MediaStream | null>(null);
  const card = newest.value;
  const requests = useScope();

  useEffect(() => () => release(stream), [stream]);

  const begin = async () => {
    trouble.value = null;
    setStream(await openCamera(requests.begin(viewSignal())));
  };
  const finish = async (game: Game) => {
    const { labels } = contract.value!;
    const drawn = drawCard(game.takes);
    const scores = game.takes
      .map((take, place) => `${labelWord(labels[place]!)} ${scoreText(take)}`)
      .join(", ");
    game.close();
    const blob = await cardFile(drawn);
    setStream(null);
    keep({ blob, address: URL.createObjectURL(blob), scores });
  };
  return (
    <article class="play">
      {stream === null && card !== null && <CardView card={card} />}
      {stream !== null ? (
        <Rounds stream={stream} done={finish} stop={() => setStream(null)} />
      ) : (
        <div class="pitch">
          <h1>{card === null ? said.heading : said.done}</h1>
          <p class="lead">{card === null ? said.lead : said.keep}</p>
          <div class="row">
            {card !== null && <CardButtons card={card} />}
            {!offersAgain() && (
              <button
                type="button"
                class={card === null ? "primary" : "secondary"}
                onClick={() => start(begin())}
              >
                <CameraIcon /> {card === null ? said.begin : said.again}
              </button>
            )}
          </div>
          <CameraRefusal retry={() => start(begin())} />
          {card === null && <p class="quiet">{said.limits}</p>}
          {card === null && <p class="quiet">{words().start.private}</p>}
        </div>
      )}
      {stream === null && card === null && <Six />}
    </article>
  );
}

/** What is going to be asked for. */
function Six() {
  return (
    <ul class="wanted" aria-label={words().start.six}>
      {contract.value?.labels.map((label) => (
        <li key={label}>
          <DrawnFace label={label} />
          <span>{labelWord(label)}</span>
        </li>
      ))}
    </ul>
  );
}

function CardView({ card }: { card: Card }) {
  return (
    <img
      class="game-card"
      src={card.address}
      alt={fill(words().play.card, { scores: card.scores })}
    />
  );
}

function CardButtons({ card }: { card: Card }) {
  const said = words().play;
  const name = `${fileName()}.png`;
  const file = new File([card.blob], name, { type: "image/png" });
  const share = async () => {
    try {
      await navigator.share({ files: [file] });
    } catch (error) {
      // Who changes their mind is told nothing.
      if (!(error instanceof DOMException && error.name === "AbortError")) {
        trouble.value = () => said.notShared;
      }
    }
  };
  return (
    <>
      <button
        type="button"
        class="primary"
        onClick={() => download([card.blob], "image/png", name)}
      >
        <SaveIcon /> {said.save}
      </button>
      {navigator.canShare?.({ files: [file] }) === true && (
        <button type="button" class="secondary" onClick={() => void share()}>
          {said.share}
        </button>
      )}
    </>
  );
}

/** The camera's view, what to show, and a ring that fills with it. */
function Rounds({
  stream,
  done,
  stop,
}: {
  stream: MediaStream;
  done: (game: Game) => Promise<void>;
  stop: () => void;
}) {
  const said = words().play;
  const { labels } = contract.value!;
  const video = useRef<HTMLVideoElement>(null);
  const [game] = useState(() => new Game(labels.length));
  const [, setFrames] = useState(0);
  const scope = useScope();

  useEffect(() => {
    const shown = video.current!;
    shown.srcObject = stream;
    void shown.play().catch(() => {});
    stream.getVideoTracks()[0]!.onended = () => {
      trouble.value = () => words().play.lost;
      stop();
    };
    const signal = scope.begin();
    const run = async () => {
      await playGame(game, shown, signal, () => setFrames((count) => count + 1));
      await done(game);
    };
    start(
      run().catch((error: unknown) => {
        if (signal.aborted) throw error;
        trouble.value = () => reasonOf(error);
        stop();
      }),
    );
    return () => {
      scope.end();
      if (!game.isOver) game.close();
    };
  }, []);

  const label = labels[game.round]!;
  const word = labelWord(label);
  return (
    <div class="rounds">
      <div class="view" style={{ "--ratio": "1.3333" }}>
        <video ref={video} muted playsInline class="mirrored" />
        {!loading.value.ready && <Waiting />}
        {loading.value.ready && !game.hasBegun && <p class="hint">{said.ready}</p>}
      </div>
      <div class="round">
        <p class="quiet">
          {fill(said.round, { number: game.round + 1, count: labels.length, left: game.left_s })}
        </p>
        <div
          class="ring"
          role="progressbar"
          aria-label={word}
          aria-valuenow={Math.round(100 * game.live)}
        >
          <Ring key={label} label={label} live={game.live} best={game.takes[game.round]!.score} />
          <DrawnFace label={label} />
        </div>
        <h1 aria-live="polite">{word}</h1>
        <p class="ring-share">{percent(game.live)}</p>
        <ol class="takes">
          {labels.map((each, place) => (
            <li key={each} aria-current={place === game.round ? "step" : undefined}>
              <span class="dot" style={{ background: `var(--${each})` }} />
              <span>{labelWord(each)}</span>
              <span class="figure">
                {game.hasBegun && place <= game.round ? scoreText(game.takes[place]!) : ""}
              </span>
            </li>
          ))}
        </ol>
        <button type="button" class="secondary" onClick={stop}>
          <StopIcon /> {words().camera.stop}
        </button>
      </div>
    </div>
  );
}

/** How much of the ring is full: now, and at best. */
function Ring({ label, live, best }: { label: string; live: number; best: number }) {
  const arc = (share: number) => `${share * LENGTH} ${LENGTH}`;
  return (
    <svg viewBox="0 0 100 100" aria-hidden="true" style={{ "--own": `var(--${label})` }}>
      <circle class="rest" cx="50" cy="50" r={RADIUS} />
      <circle class="best" cx="50" cy="50" r={RADIUS} stroke-dasharray={arc(best)} />
      <circle class="now" cx="50" cy="50" r={RADIUS} stroke-dasharray={arc(live)} />
    </svg>
  );
}
