import { COLUMNS, type Row, UNIT_COLUMNS } from "../engine/row";

/** Offer a file to the visitor. */
export function download(content: BlobPart[], type: string, name: string): void {
  const address = URL.createObjectURL(new Blob(content, { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Rows are written for so long before the page gets a turn. */
const TURN_MS = 12;

/** Save rows as one JSON array. */
export async function saveJson(rows: Iterable<Row>, name: string): Promise<void> {
  const parts = await written(rows, (row, first) => (first ? "[\n" : ",\n") + JSON.stringify(row));
  download([...parts, parts.length === 0 ? "[]\n" : "\n]\n"], "application/json", `${name}.json`);
}

/** Save rows as CSV with the columns that Python writes, those of expression units if there are any. */
export async function saveCsv(rows: Iterable<Row>, name: string, units: boolean): Promise<void> {
  const columns = units ? [...COLUMNS, ...UNIT_COLUMNS] : COLUMNS;
  const lines = await written(rows, (row) => `${csvLine(values(row, columns))}\r\n`);
  const heads = `${csvLine(columns.map(([column]) => column))}\r\n`;
  download([heads, ...lines], "text/csv", `${name}.csv`);
}

/** Write rows one by one, in turns with everything else that the page has to do. */
export async function written<Each>(
  rows: Iterable<Each>,
  write: (row: Each, first: boolean) => string,
): Promise<string[]> {
  const parts: string[] = [];
  let part = "";
  let first = true;
  let began = performance.now();
  for (const row of rows) {
    part += write(row, first);
    first = false;
    if (performance.now() - began > TURN_MS) {
      parts.push(part);
      part = "";
      await new Promise((resolve) => setTimeout(resolve));
      began = performance.now();
    }
  }
  return part === "" ? parts : [...parts, part];
}

/** A name for files of this moment: `mien 2026-11-24 13.05`. */
export function fileName(): string {
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `mien ${day} ${two(now.getHours())}.${two(now.getMinutes())}`;
}

/** One value per column; undefined where the row has none. */
function values(row: Row, columns: typeof COLUMNS): unknown[] {
  type Inner = Record<string | number, unknown> | null | undefined;
  return columns.map(([, path]) =>
    path.reduce<unknown>((value, part) => (value as Inner)?.[part], row),
  );
}

function csvLine(values: unknown[]): string {
  return values
    .map((value) => {
      if (typeof value === "boolean") return value ? "True" : "False";
      const text = value === null || value === undefined ? "" : String(value);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    })
    .join(",");
}
