import { progress } from "../video/analysis";
import { DrawnVideoButton, DrawnVideoNote } from "../video/DrawnVideo";
import { fill, language, words } from "../words";
import { SaveIcon } from "./icons";
import { newSession, session, shown } from "./live";
import { mayGo, noteKept } from "./opening";
import { allRows, photos } from "./photos";
import { savePhotoReport, saveReport } from "./report";
import { fileName, saveCsv, saveJson } from "./save";
import { start } from "./scope";
import { saveSrt } from "./srt";
import { contract, source } from "./state";

/** The files that the visitor can have of the results. */
export function Keep() {
  const { kind } = source.value;
  const live = kind !== "photos";
  const current = session.value;
  const isRead = kind !== "video" || progress.value?.isDone === true;
  const found = kind === "video" ? current !== null : shown.value !== null && current !== null;
  const some = live ? found : allRows().length > 0;
  const rows = () => (live ? current!.rows() : allRows());
  const units = () =>
    live
      ? current!.hasUnits
      : photos.value.some(({ result }) => result?.faces.some((face) => face.units !== undefined));
  const said = words().save;
  const begin = () => {
    const now = source.value;
    if (now.kind !== "start" && mayGo()) start(newSession(current!.name, now.signal));
  };
  const save = (write: (name: string) => Promise<void>) => start(noteKept(write(fileName())));
  return (
    <section class="keep">
      <h3>{said.heading}</h3>
      <div class="row">
        <button
          type="button"
          disabled={!some}
          onClick={() => save((name) => saveJson(rows(), name))}
        >
          <SaveIcon /> {said.json}
        </button>
        <button
          type="button"
          disabled={!some}
          onClick={() => save((name) => saveCsv(rows(), name, units()))}
        >
          <SaveIcon /> {said.csv}
        </button>
        <button
          type="button"
          disabled={!some}
          onClick={() =>
            save((name) =>
              live
                ? saveReport(current!, contract.value!, name)
                : savePhotoReport(photos.value, contract.value!, name),
            )
          }
        >
          <SaveIcon /> {said.report}
        </button>
        {kind === "video" && (
          <button
            type="button"
            disabled={!some}
            onClick={() =>
              save(async (name) => saveSrt(current!.episodes(), contract.value!.labels, name))
            }
          >
            <SaveIcon /> {said.srt}
          </button>
        )}
        {kind === "video" && current !== null && <DrawnVideoButton session={current} />}
        {kind === "camera" && (
          <button type="button" class="plain" disabled={!some} onClick={begin}>
            {said.clear}
          </button>
        )}
      </div>
      {kind === "video" && current !== null && <DrawnVideoNote session={current} />}
      {!isRead && some && <p class="quiet">{said.soFar}</p>}
      {live && current !== null && current.dropped > 0 && (
        <p class="quiet">
          {fill(said.dropped, { count: current.dropped.toLocaleString(language.value) })}
        </p>
      )}
    </section>
  );
}
