/** Browsers that ask for the camera in different places. */
export type Browser = "chromium" | "android" | "firefox" | "safari" | "iphone" | "other";

type Browsing = Pick<Navigator, "userAgent" | "maxTouchPoints">;

/** Which browser this is, by what it says of itself and how many fingers it feels at once. */
export function browserOf({ userAgent, maxTouchPoints }: Browsing): Browser {
  // On an iPhone or iPad every browser is Safari underneath, and the system keeps the permission.
  if (/iPhone|iPad|iPod/.test(userAgent)) return "iphone";
  // An iPad says that it is a Mac, which has no touch screen.
  if (/Macintosh/.test(userAgent) && maxTouchPoints > 1) return "iphone";
  if (/Firefox\//.test(userAgent)) return "firefox";
  if (/Android.*(?:Chrome|Chromium)\//.test(userAgent)) return "android";
  if (/(?:Chrome|Chromium)\//.test(userAgent)) return "chromium";
  if (/Version\/.*Safari\//.test(userAgent)) return "safari";
  return "other";
}
