import type { Contract } from "../engine/contract";
import type { FaceUnits } from "../engine/faces";
import { unitLines } from "../units/spoken";
import { clock, fill, labelWord, language, percent, words } from "../words";
import { drawFaces } from "./overlay";
import { decode, type Photo } from "./photos";
import { download } from "./save";
import type { Person, Session } from "./session";
import { packed } from "./state";

const WIDTH = 900;
const HEIGHT = 150;
const MOST_POINTS = 600;
const SHORTEST_S = 0.5;
/** Images in a report are as large as a screen shows them, whatever a camera took. */
const LONGEST_PX = 1280;

/** Save one page about a session that needs neither network nor script. */
export async function saveReport(
  session: Session,
  contract: Contract,
  name: string,
): Promise<void> {
  const said = words().report;
  const people = [...session.people.values()].filter(
    (person) => person.last_s - person.first_s >= Math.min(SHORTEST_S, session.length_s / 2),
  );
  const answers = people.reduce((sum, person) => sum + person.answers, 0);
  const unsure = people.reduce((sum, person) => sum + person.unsure, 0);
  const units = session.meanUnits();
  const page = pageHtml(contract, {
    title: `${said.title}: ${session.name}`,
    missing: missingFrom(session),
    cards: [
      [said.length, clock(session.length_s)],
      [said.people, String(people.length)],
      [said.answers, answers.toLocaleString(language.value)],
      [said.unsure, answers > 0 ? percent(unsure / answers) : "–"],
    ],
    sections: people.map((person) =>
      personHtml(person, session, contract, units.get(person.number)),
    ),
    settings: [
      ...unitSettings(session.hasUnits, contract),
      [said.smoothing, `${contract.smoothing.time_constant_s} s`],
    ],
  });
  download(page, "text/html", `${name}.html`);
}

/** Save one such page about photos, with the photos in it. */
export async function savePhotoReport(
  photos: Photo[],
  contract: Contract,
  name: string,
): Promise<void> {
  const said = words().report;
  const faces = photos.flatMap((photo) => photo.result?.faces ?? []);
  const unsure = faces.filter((face) => face.unsure).length;
  const unreadable = photos.filter((photo) => photo.error !== null).length;
  const shares = contract.labels.map(
    (_, place) => faces.filter((face) => face.label === place).length / (faces.length || 1),
  );
  const sections = [
    `<section><h2>${escaped(words().people.photoTotals)}</h2>${barsHtml(shares, contract)}</section>`,
  ];
  for (const photo of photos) sections.push(await photoHtml(photo, contract));
  const page = pageHtml(contract, {
    title: said.title,
    missing: [],
    cards: [
      [said.photos, String(photos.filter((photo) => photo.result !== null).length)],
      ...(unreadable > 0 ? [[said.unreadable, String(unreadable)] as [string, string]] : []),
      [said.faces, String(faces.length)],
      [said.unsure, faces.length > 0 ? percent(unsure / faces.length) : "–"],
    ],
    sections,
    settings: unitSettings(
      faces.some((face) => face.units !== undefined),
      contract,
    ),
  });
  download(page, "text/html", `${name}.html`);
}

/** What keeps a report from being about the whole of its video. */
export function missingFrom(session: Session): string[] {
  const time = clock(session.length_s);
  const partial = session.isPartial ? [fill(words().report.partial, { time })] : [];
  return session.fault === null ? partial : [...partial, session.fault()];
}

interface Page {
  title: string;
  /** Sentences about what it does not hold. */
  missing: string[];
  cards: [string, string][];
  sections: string[];
  settings: [string, string][];
}

/** The whole page in parts: with many photos it is too long for one string. */
function pageHtml(
  contract: Contract,
  { title, missing, cards, sections, settings }: Page,
): string[] {
  const said = words().report;
  const made: [string, string][] = [
    [said.model, contract.emotion.sha256],
    ...settings,
    [said.threshold, percent(contract.emotion.spec.six!.unsure_below)],
  ];
  return [
    `<!doctype html>
<html lang="${language.value}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(title)}</title>
<style>${STYLE}</style></head><body><main>
<h1>${escaped(title)}</h1>${missing.map((each) => `<p class="missing">${escaped(each)}</p>`).join("")}<p>${escaped(said.lead)}</p><p>${escaped(fill(said.made, { date: now() }))}</p>
<dl class="cards">${cards.map(([k, v]) => `<div><dt>${escaped(k)}</dt><dd>${escaped(v)}</dd></div>`).join("")}</dl>
${legend(contract)}
`,
    ...sections,
    `<section><h2>${escaped(said.settings)}</h2><table class="settings">${made
      .map(([k, v]) => `<tr><td>${escaped(k)}</td><td>${escaped(v)}</td></tr>`)
      .join("")}</table></section>
<footer>mien ${escaped(contract.version)}</footer></main></body></html>`,
  ];
}

/** This moment in the reader's language. */
function now(): string {
  return new Date().toLocaleString(language.value, { dateStyle: "long", timeStyle: "short" });
}

function legend(contract: Contract): string {
  const items = contract.labels.map(
    (label) =>
      `<li><i style="background:${contract.colours[label]}"></i>${escaped(labelWord(label))}</li>`,
  );
  return `<ul class="legend">${items.join("")}</ul>`;
}

/** Which network read expression units, if one did. */
function unitSettings(areUsed: boolean, contract: Contract): [string, string][] {
  return areUsed ? [[words().report.unitModel, contract.units.sha256]] : [];
}

/** Units and pose below a heading; nothing where they were not asked for. */
function unitsHtml(heading: string, units: FaceUnits | undefined, contract: Contract): string {
  if (units === undefined) return "";
  const lines = unitLines(units, contract).map((line) => `<p>${escaped(line)}</p>`);
  return `<div class="units"><h4>${escaped(heading)}</h4>${lines.join("")}</div>`;
}

function personHtml(
  person: Person,
  session: Session,
  contract: Contract,
  units: FaceUnits | undefined,
): string {
  const said = words().report;
  const total = person.seconds.reduce((sum, value) => sum + value, 0) || 1;
  const shares = person.seconds.map((value) => value / total);
  const heading = fill(words().people.person, { number: person.number + 1 });
  const inView = fill(said.inView, { from: clock(person.first_s), to: clock(person.last_s) });
  const unsure = fill(words().people.unsureShare, {
    share: percent(person.unsure / person.answers),
  });
  return `<section><h2>${escaped(heading)}</h2><p>${escaped(inView)}</p>
<h3>${escaped(said.time)}</h3>${timelineSvg(person, session, contract)}
<h3>${escaped(said.share)}</h3>${barsHtml(shares, contract)}<p>${escaped(unsure)}</p>${unitsHtml(said.unitsMean, units, contract)}</section>`;
}

/** A photo with its boxes, and each face's six bars. */
async function photoHtml(photo: Photo, contract: Contract): Promise<string> {
  const { people, stage } = words();
  const heading = `<h2>${escaped(photo.name)}</h2>`;
  if (photo.error !== null) return `<section>${heading}<p>${escaped(photo.error())}</p></section>`;
  if (photo.result === null)
    return `<section>${heading}<p>${escaped(stage.analysing)}</p></section>`;
  const { faces } = photo.result;
  const said = faces.map((face) => {
    const label = labelWord(contract.labels[face.label]!);
    const sure = face.unsure ? people.unsure : percent(face.confidence);
    const name = fill(people.face, { number: face.face + 1 });
    const units = unitsHtml(words().units.turnOn, face.units, contract);
    return `<div><h3>${escaped(`${name}: ${label}, ${sure}`)}</h3>${barsHtml(face.probabilities, contract)}${units}</div>`;
  });
  const below =
    faces.length > 0
      ? `<div class="faces">${said.join("")}</div>`
      : `<p>${escaped(stage.noFace)}</p>`;
  const drawn = await drawnPhoto(photo, contract);
  return `<section class="photo">${heading}<img alt="${escaped(photo.name)}" src="${drawn}">${below}</section>`;
}

/** The photo with boxes and labels as a JPEG in an address of its own. */
async function drawnPhoto(photo: Photo, contract: Contract): Promise<string> {
  const bitmap = await decode(photo.blob);
  const scale = Math.min(1, LONGEST_PX / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const drawn = canvas.getContext("2d")!;
  drawn.fillStyle = "#fff";
  drawn.fillRect(0, 0, canvas.width, canvas.height);
  drawn.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const text = Math.max(12, Math.max(canvas.width, canvas.height) / 45);
  drawFaces(drawn, photo.result!, contract, { mirrored: false, scale, text, pointed: null });
  const blob = await packed(canvas, "image/jpeg");
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result as string);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(blob!);
  });
}

function barsHtml(shares: number[], contract: Contract): string {
  const rows = contract.labels.map((label, place) => {
    const share = shares[place]!;
    const width = `style="width:${(100 * share).toFixed(1)}%;background:${contract.colours[label]}"`;
    return `<tr><td>${escaped(labelWord(label))}</td><td class="wide"><i ${width}></i></td><td>${percent(share)}</td></tr>`;
  });
  return `<table>${rows.join("")}</table>`;
}

/** Stacked probabilities over the whole session, at most 600 points wide. */
function timelineSvg(person: Person, session: Session, contract: Contract): string {
  const merged = Math.max(1, Math.ceil(session.length_s / session.bin_s / MOST_POINTS));
  const columns = new Map<number, { sums: number[]; count: number }>();
  for (const { bin, sums, count } of person.bins) {
    const place = Math.floor(bin / merged);
    const column = columns.get(place) ?? { sums: sums.map(() => 0), count: 0 };
    sums.forEach((value, label) => {
      column.sums[label]! += value;
    });
    column.count += count;
    columns.set(place, column);
  }
  const all = Math.max(1, Math.ceil((session.length_s + 1e-9) / session.bin_s / merged));
  const step = WIDTH / all;
  const paths = contract.labels.map(() => "");
  for (const [place, { sums, count }] of columns) {
    let top = 0;
    sums.forEach((sum, label) => {
      const height = (sum / count) * HEIGHT;
      const x = (place * step).toFixed(2);
      paths[label] +=
        `M${x} ${top.toFixed(1)}h${(step + 0.3).toFixed(2)}v${height.toFixed(1)}h-${(step + 0.3).toFixed(2)}z`;
      top += height;
    });
  }
  const drawn = contract.labels.map(
    (label, place) => `<path fill="${contract.colours[label]}" d="${paths[place]}"/>`,
  );
  const ends = `<div class="ends"><span>0:00</span><span>${clock(session.length_s)}</span></div>`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${escaped(words().report.time)}">${drawn.join("")}</svg>${ends}`;
}

function escaped(text: string): string {
  const codes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (letter) => codes[letter]!);
}

const STYLE = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1c1e22;--quiet:#646a73;--line:#e3e5e9;--wash:#f2f3f5}
@media(prefers-color-scheme:dark){:root{--paper:#14161a;--ink:#e9eaed;--quiet:#9aa1ab;--line:#2c3038;--wash:#1f2329}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 Inter,"Segoe UI",system-ui,sans-serif}
main{max-width:58rem;margin:0 auto;padding:4rem 1.5rem 6rem}
h1{font-size:2.25rem;line-height:1.15;letter-spacing:-.02em;margin:0 0 .75rem;overflow-wrap:anywhere}
p{color:var(--quiet);margin:0}.missing{color:var(--ink);font-weight:600}h2{margin:4rem 0 0;font-size:1.5rem}h3{margin:2rem 0 .75rem;font-size:1rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:1rem;margin:2rem 0}
.cards div{border:1px solid var(--line);border-radius:.75rem;padding:.9rem 1.1rem}
dt{font-size:.8125rem;color:var(--quiet)}dd{margin:0;font-size:1.6rem;font-weight:600}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.4rem 1.2rem;padding:0;margin:0;font-size:.875rem}
.legend i{display:inline-block;width:.75em;height:.75em;border-radius:50%;margin-right:.45em}
.photo{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.5rem 2rem;align-items:start}
.photo h2{grid-column:1/-1}.photo h3{margin-top:0}img{max-width:100%;max-height:40rem;border-radius:.75rem}
.faces{display:grid;grid-template-columns:repeat(auto-fill,minmax(16rem,1fr));gap:2rem}
.units{margin-top:1rem;font-size:.875rem}h4{margin:0 0 .25rem;font-size:inherit}
svg{display:block;width:100%;height:150px;background:var(--wash);border-radius:.5rem}
.ends{display:flex;justify-content:space-between;font-size:.8125rem;color:var(--quiet);margin-top:.3rem}
table{width:100%;border-collapse:collapse;font-size:.9375rem}td{padding:.25rem .75rem .25rem 0;white-space:nowrap}
.settings td{white-space:normal;overflow-wrap:anywhere}.settings td:first-child{min-width:8rem}
td.wide{width:100%}td i{display:block;height:.6rem;border-radius:.3rem;min-width:1px}
footer{margin-top:4rem;color:var(--quiet);font-size:.875rem}`;
