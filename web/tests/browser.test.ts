import { expect, test } from "vitest";

import { browserOf } from "../src/app/browser";

const WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)";

test.each([
  ["chromium", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"],
  [
    "chromium",
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140",
  ],
  [
    "android",
    "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
  ],
  ["firefox", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"],
  [
    "safari",
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/18.0 Safari/605.1.15`,
  ],
  ["iphone", `Mozilla/5.0 (iPhone; CPU iPhone OS 18_0) ${WEBKIT} CriOS/140.0 Mobile Safari/604.1`],
  ["other", "Lynx/2.9"],
])("%s is known by what it says", (browser, says) => {
  expect(browserOf({ userAgent: says, maxTouchPoints: 0 })).toBe(browser);
});

test("an iPad, which says that it is a Mac, is known by its touch screen", () => {
  const mac = `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/18.0 Safari/605.1.15`;
  expect(browserOf({ userAgent: mac, maxTouchPoints: 5 })).toBe("iphone");
});
