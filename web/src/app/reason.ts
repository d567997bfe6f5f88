import { LoadError } from "../engine/fault";
import { fill, words } from "../words";

/** Why something failed: in the visitor's language where it is a download that did. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof LoadError)) return error instanceof Error ? error.message : String(error);
  return fill(words().faults[error.fault.kind], { file: "", status: "", ...error.fault });
}
