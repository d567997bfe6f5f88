/** Which requests the service worker answers with what it keeps. */

const CONTRACT = "models/contract.json";

/** Everything in these folders is the page's, also a file that only an earlier version had. */
const FOLDERS = ["assets/", "models/", "samples/"];

/**
 * Whether a request is for a file of the page: "kept" ones belong to this version, "fresh" ones are
 * asked for again. Null is what else lies below the page's address, such as a server's API and its
 * reference: the worker stays out of that.
 *
 * @param scope The address of the page, with a slash at the end.
 * @param files The page's files, relative to it; `./` is the page itself.
 */
export function kindOf(address: string, scope: string, files: string[]): "kept" | "fresh" | null {
  const [bare] = address.split(/[?#]/, 1) as [string];
  if (!bare.startsWith(scope)) return null;
  const path = bare.slice(scope.length);
  if (path === CONTRACT) return "fresh";
  const is_own = files.includes(`./${path}`) || path === "index.html";
  return is_own || FOLDERS.some((folder) => path.startsWith(folder)) ? "kept" : null;
}
