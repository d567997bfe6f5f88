/** Why something could not be fetched, so that the page can say it in any language. */
export type Fault =
  | { kind: "unreachable"; file: string }
  | { kind: "refused"; file: string; status: number }
  | { kind: "incomplete"; file: string }
  | { kind: "damaged"; file: string }
  | { kind: "stopped" };

/** Something could not be fetched, or what runs it did not start. */
export class LoadError extends Error {
  constructor(readonly fault: Fault) {
    super(JSON.stringify(fault));
  }
}

/** What a browser throws where the line is down has other words in each of them. */
export function lineDown(file: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof LoadError ? error : new LoadError({ kind: "unreachable", file });
  };
}
