import { expect, test } from "vitest";

import { kindOf } from "../src/kept";

const FILES = ["./", "./icon.svg", "./assets/index-1.js"];
const SCOPES = ["https://a.org/", "https://a.org/mien/v1/metrics/docs/"];

test.each(SCOPES)("what the page is made of is kept, under whatever path it lies: %s", (scope) => {
  const kind = (path: string) => kindOf(`${scope}${path}`, scope, FILES);
  for (const path of ["", "#/stage", "?lang=ko", "index.html", "icon.svg", "assets/index-1.js"]) {
    expect([path, kind(path)]).toEqual([path, "kept"]);
  }
  expect(kind("models/face.onnx?v=0123")).toBe("kept");
  expect(kind("samples/grace_hopper.jpg")).toBe("kept");
  expect(kind("models/contract.json")).toBe("fresh");
});

test.each(SCOPES)("whatever else a server has is left to it: %s", (scope) => {
  const others = ["v1/analyze", "docs", "docs.css", "openapi.json", "metrics", "healthz", "readyz"];
  for (const path of [...others, "blog/", "mine/contract.json", "sw.js"]) {
    expect([path, kindOf(`${scope}${path}`, scope, FILES)]).toEqual([path, null]);
  }
  expect(kindOf("https://b.org/icon.svg", scope, FILES)).toBeNull();
});
