import type { Row } from "./session";

/** Offer a file to the visitor. */
export function download(content: BlobPart[], type: string, name: string): void {
  const address = URL.createObjectURL(new Blob(content, { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Save rows as one JSON array. */
export function saveJson(rows: Iterable<Row>, name: string): void {
  const lines = [...rows].map((row) => JSON.stringify(row));
  download([`[\n${lines.join(",\n")}\n]\n`], "application/json", `${name}.json`);
}

/** Save rows as CSV with the columns that Python writes. */
export function saveCsv(rows: Iterable<Row>, name: string): void {
  const flat = [...rows].map(flattened);
  const columns = [...new Set([...flat.flatMap((row) => Object.keys(row)), "error"])];
  // A row with an error has fewer columns; the error comes last wherever it is.
  columns.push(...columns.splice(columns.indexOf("error"), 1));
  const lines = [columns, ...flat.map((row) => columns.map((column) => row[column]))];
  download([lines.map(csvLine).join("\r\n") + "\r\n"], "text/csv", `${name}.csv`);
}

/** A name for files of this moment: `mien 2026-11-24 13.05`. */
export function fileName(): string {
  const now = new Date();
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `mien ${day} ${two(now.getHours())}.${two(now.getMinutes())}`;
}

function flattened(row: Row): Record<string, unknown> {
  const flat: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) {
    if (name === "box_xyxy") {
      const sides = ["left", "top", "right", "bottom"];
      sides.forEach((side, place) => (flat[`box_xyxy.${side}`] = (value as number[])[place]));
    } else if (value !== null && typeof value === "object") {
      for (const [inner, each] of Object.entries(value)) flat[`${name}.${inner}`] = each;
    } else {
      flat[name] = value;
    }
  }
  return flat;
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
