import { defineConfig } from "vitest/config";

/** What needs no browser is tested without one; `tests/web` drives the built page. */
export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "node",
    // Only a test that hangs takes so long, however busy the machine is.
    testTimeout: 120_000,
  },
});
