import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const PACKAGES = join(import.meta.dirname, "node_modules");

/** Who holds the rights of packages that come without the text of their licence. */
const HOLDERS: Record<string, string> = {
  "guid-typescript": "nicolas",
  "onnxruntime-common": "Microsoft Corporation",
  "onnxruntime-web": "Microsoft Corporation",
};

const TEXTS: Record<string, string> = {
  ISC: `Permission to use, copy, modify, and/or distribute this software for any
purpose with or without fee is hereby granted, provided that the above
copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH
REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY
AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM
LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR
OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR
PERFORMANCE OF THIS SOFTWARE.`,
  MIT: `Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.`,
};

interface Package {
  version: string;
  license: string;
  dependencies?: Record<string, string>;
}

/** The packages that the page needs, and those that they need, in the order of their names. */
export function bundled(folder: string = import.meta.dirname): string[] {
  const found = new Set<string>();
  const waiting = [folder];
  for (let each = waiting.pop(); each !== undefined; each = waiting.pop()) {
    for (const name of Object.keys(read(each).dependencies ?? {})) {
      // Of types nothing is left in the built page.
      if (found.has(name) || name.startsWith("@types/")) continue;
      found.add(name);
      waiting.push(join(PACKAGES, name));
    }
  }
  return [...found].sort();
}

/** The licences of all packages that the built page has parts of, as one text. */
export function licences(): string {
  return bundled()
    .map((name) => {
      const { version, license } = read(join(PACKAGES, name));
      return `${name} ${version} (${license})\n\n${text(name, license)}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}

function read(folder: string): Package {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Package;
}

function text(name: string, license: string): string {
  const folder = join(PACKAGES, name);
  const file = existsSync(folder)
    ? readdirSync(folder).find((each) => /^licen[cs]e(\.(md|txt))?$/i.test(each))
    : undefined;
  if (file !== undefined) return readFileSync(join(folder, file), "utf8").trim();
  const holder = HOLDERS[name];
  const terms = TEXTS[license];
  if (terms === undefined || holder === undefined) {
    throw new Error(`${name}: has no text of its licence; add its holder to web/licences.ts`);
  }
  return `${license} License\n\nCopyright (c) ${holder}\n\n${terms}`;
}
