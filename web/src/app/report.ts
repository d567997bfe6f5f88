import type { Contract } from "../engine/contract";
import { clock, fill, labelWord, language, percent, words } from "../words";
import { download } from "./save";
import { BIN_S, type Person, type Session } from "./session";

const WIDTH = 900;
const HEIGHT = 150;
const MOST_POINTS = 600;
const SHORTEST_S = 0.5;

/** Save one page about a session that needs neither network nor script. */
export function saveReport(session: Session, contract: Contract, name: string): void {
  download([reportHtml(session, contract)], "text/html", `${name}.html`);
}

function reportHtml(session: Session, contract: Contract): string {
  const said = words().report;
  const people = [...session.people.values()].filter(
    (person) => person.last_s - person.first_s >= Math.min(SHORTEST_S, session.length_s / 2),
  );
  const answers = people.reduce((sum, person) => sum + person.answers, 0);
  const unsure = people.reduce((sum, person) => sum + person.unsure, 0);
  const cards: [string, string][] = [
    [said.length, clock(session.length_s)],
    [said.people, String(people.length)],
    [said.answers, answers.toLocaleString(language.value)],
    [said.unsure, answers > 0 ? percent(unsure / answers) : "–"],
  ];
  const six = contract.emotion.spec.six!;
  const settings: [string, string][] = [
    [said.model, contract.emotion.sha256],
    [said.threshold, percent(six.unsure_below)],
    [said.smoothing, `${contract.smoothing.time_constant_s} s`],
  ];
  const title = `${said.title}: ${session.name}`;
  return `<!doctype html>
<html lang="${language.value}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>${escape(title)}</title>
<style>${STYLE}</style></head><body><main>
<h1>${escape(title)}</h1><p>${escape(said.lead)}</p>
<dl class="cards">${cards.map(([k, v]) => `<div><dt>${escape(k)}</dt><dd>${escape(v)}</dd></div>`).join("")}</dl>
${legend(contract)}
${people.map((person) => personHtml(person, session, contract)).join("\n")}
<section><h2>${escape(said.settings)}</h2><table>${settings
    .map(([k, v]) => `<tr><td>${escape(k)}</td><td>${escape(v)}</td></tr>`)
    .join("")}</table></section>
<footer>mien ${escape(contract.version)}</footer></main></body></html>`;
}

function legend(contract: Contract): string {
  const items = contract.labels.map(
    (label) => `<li><i style="background:${contract.colours[label]}"></i>${escape(labelWord(label))}</li>`,
  );
  return `<ul class="legend">${items.join("")}</ul>`;
}

function personHtml(person: Person, session: Session, contract: Contract): string {
  const said = words().report;
  const total = person.seconds.reduce((sum, value) => sum + value, 0) || 1;
  const shares = contract.labels
    .map((label, place) => {
      const share = person.seconds[place]! / total;
      const width = `style="width:${(100 * share).toFixed(1)}%;background:${contract.colours[label]}"`;
      return `<tr><td>${escape(labelWord(label))}</td><td class="wide"><i ${width}></i></td><td>${percent(share)}</td></tr>`;
    })
    .join("");
  const heading = fill(words().people.person, { number: person.number + 1 });
  const seen = fill(said.seen, { from: clock(person.first_s), to: clock(person.last_s) });
  return `<section><h2>${escape(heading)}</h2><p>${escape(seen)}</p>
<h3>${escape(said.time)}</h3>${timelineSvg(person, session, contract)}
<h3>${escape(said.share)}</h3><table>${shares}</table></section>`;
}

/** Stacked probabilities over the whole session, at most 600 points wide. */
function timelineSvg(person: Person, session: Session, contract: Contract): string {
  const merged = Math.max(1, Math.ceil(session.length_s / BIN_S / MOST_POINTS));
  const columns = new Map<number, { sums: number[]; count: number }>();
  for (const { bin, sums, count } of person.bins) {
    const place = Math.floor(bin / merged);
    const column = columns.get(place) ?? { sums: sums.map(() => 0), count: 0 };
    sums.forEach((value, label) => (column.sums[label]! += value));
    column.count += count;
    columns.set(place, column);
  }
  const all = Math.max(1, Math.ceil((session.length_s + 1e-9) / BIN_S / merged));
  const step = WIDTH / all;
  const paths = contract.labels.map(() => "");
  for (const [place, { sums, count }] of columns) {
    let top = 0;
    sums.forEach((sum, label) => {
      const height = (sum / count) * HEIGHT;
      const x = (place * step).toFixed(2);
      paths[label] += `M${x} ${top.toFixed(1)}h${(step + 0.3).toFixed(2)}v${height.toFixed(1)}h-${(step + 0.3).toFixed(2)}z`;
      top += height;
    });
  }
  const drawn = contract.labels.map(
    (label, place) => `<path fill="${contract.colours[label]}" d="${paths[place]}"/>`,
  );
  const ends = `<div class="ends"><span>0:00</span><span>${clock(session.length_s)}</span></div>`;
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${escape(words().report.time)}">${drawn.join("")}</svg>${ends}`;
}

function escape(text: string): string {
  const codes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (letter) => codes[letter]!);
}

const STYLE = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1c1e22;--quiet:#646a73;--line:#e3e5e9;--wash:#f2f3f5}
@media(prefers-color-scheme:dark){:root{--paper:#14161a;--ink:#e9eaed;--quiet:#9aa1ab;--line:#2c3038;--wash:#1f2329}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.6 Inter,"Segoe UI",system-ui,sans-serif}
main{max-width:58rem;margin:0 auto;padding:4rem 1.5rem 6rem}
h1{font-size:2.25rem;line-height:1.15;letter-spacing:-.02em;margin:0 0 .75rem;overflow-wrap:anywhere}
p{color:var(--quiet);margin:0}h2{margin:4rem 0 0;font-size:1.5rem}h3{margin:2rem 0 .75rem;font-size:1rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:1rem;margin:2rem 0}
.cards div{border:1px solid var(--line);border-radius:.75rem;padding:.9rem 1.1rem}
dt{font-size:.8125rem;color:var(--quiet)}dd{margin:0;font-size:1.6rem;font-weight:600}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.4rem 1.2rem;padding:0;margin:0;font-size:.875rem}
.legend i{display:inline-block;width:.75em;height:.75em;border-radius:50%;margin-right:.45em}
svg{display:block;width:100%;height:150px;background:var(--wash);border-radius:.5rem}
.ends{display:flex;justify-content:space-between;font-size:.8125rem;color:var(--quiet);margin-top:.3rem}
table{width:100%;border-collapse:collapse;font-size:.9375rem}td{padding:.25rem .75rem .25rem 0;overflow-wrap:anywhere}
td.wide{width:70%}td i{display:block;height:.6rem;border-radius:.3rem;min-width:1px}
footer{margin-top:4rem;color:var(--quiet);font-size:.875rem}`;
