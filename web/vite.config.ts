import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { defaultClientConditions, defineConfig, type Plugin } from "vite";

import { licences } from "./licences.ts";

const RUNTIME = "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm";

const COMPRESSED = /\.(js|mjs|css|html|svg|wasm|webmanifest|json)$/;

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Tell the service worker what the page is made of, then lay compressed copies beside the files. */
function finish(): Plugin {
  let folder = "";
  return {
    name: "mien-finish",
    apply: "build",
    configResolved(config) {
      folder = config.build.outDir;
    },
    closeBundle() {
      writeFileSync(join(folder, "licences.txt"), licences());
      const built = files(folder).filter((path) => !/\.(br|gz)$/.test(path));
      const names = built.map((path) => relative(folder, path).replaceAll("\\", "/"));
      const kept = names
        .filter((name) => name !== "sw.js" && name !== "index.html")
        .map((name) => `./${name}`);
      const worker = join(folder, "sw.js");
      const script = readFileSync(worker, "utf8");
      // Not every browser takes a service worker that is a module.
      if (/^import\b/m.test(script)) throw new Error("sw.js imports a file; it has to stand alone");
      // Of the contents: an icon that changed has its name still, and the old one would be kept.
      const version = createHash("sha256");
      for (const path of built.sort()) version.update(readFileSync(path));
      writeFileSync(
        worker,
        script
          .replaceAll(/["'`]__FILES__["'`]/g, JSON.stringify(["./", ...kept]))
          .replace("__VERSION__", version.digest("hex").slice(0, 16)),
      );
      for (const path of built.filter((each) => COMPRESSED.test(each))) {
        const data = readFileSync(path);
        const params = {
          [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
          [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
          [constants.BROTLI_PARAM_SIZE_HINT]: data.length,
        };
        writeFileSync(`${path}.br`, brotliCompressSync(data, { params }));
        writeFileSync(`${path}.gz`, gzipSync(data, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  base: "./",
  define: { __RUNTIME_BYTES__: statSync(join(import.meta.dirname, RUNTIME)).size },
  build: {
    outDir: "../src/mien/assets/page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: {
        index: "index.html",
        sw: "src/sw.ts",
      },
      output: {
        entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js"),
      },
    },
  },
  // Its loader is a file of its own, which threads need; without this the worker would hold it, too.
  resolve: { conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions] },
  worker: { format: "es" },
  plugins: [finish()],
});
