/** Browsers that ask for the camera in different places. */
export type Browser = "chromium" | "android" | "firefox" | "safari" | "iphone" | "other";

/** Which browser this is, by what it says of itself. */
export function browserOf(userAgent: string): Browser {
  // On an iPhone or iPad every browser is Safari underneath, and the system keeps the permission.
  if (/iPhone|iPad|iPod/.test(userAgent)) return "iphone";
  if (/Firefox\//.test(userAgent)) return "firefox";
  if (/Android.*(?:Chrome|Chromium)\//.test(userAgent)) return "android";
  if (/(?:Chrome|Chromium)\//.test(userAgent)) return "chromium";
  if (/Version\/.*Safari\//.test(userAgent)) return "safari";
  return "other";
}
