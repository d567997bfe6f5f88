/**
 * Whether an answer is still wanted when it comes. Whatever the page awaits (a camera, a file, the
 * networks, the worker) belongs to a scope, and `within` hands an answer on only while that lasts.
 */
import { useEffect, useRef } from "preact/hooks";

/** The end of a wait whose answer nobody wants any more; it is no fault. */
export class Superseded extends Error {}

/** A place that one thing at a time has: with the next one, the one before is over. */
export class Scope {
  private controller = new AbortController();

  /** The signal of the thing that has the place now. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Give the place to something new, which is over at the latest when one of `parents` is. */
  begin(...parents: AbortSignal[]): AbortSignal {
    this.end();
    const controller = new AbortController();
    const { signal } = controller;
    for (const parent of parents) {
      if (parent.aborted) controller.abort(parent.reason);
      else parent.addEventListener("abort", () => controller.abort(parent.reason), { signal });
    }
    this.controller = controller;
    return signal;
  }

  /** Nothing that was asked for is wanted any more. */
  end(): void {
    this.controller.abort(new Superseded());
  }
}

/** A scope that ends with its component. */
export function useScope(): Scope {
  const scope = useRef<Scope | null>(null);
  scope.current ??= new Scope();
  useEffect(() => () => scope.current!.end(), []);
  return scope.current;
}

/**
 * Wait for an answer while a scope lasts; its end rejects with `Superseded` at once. A late answer
 * goes to `discard` alone, and a late failure to nobody.
 */
export function within<Value>(
  signal: AbortSignal,
  answer: Promise<Value>,
  discard: (value: Value) => void = () => {},
): Promise<Value> {
  return new Promise((resolve, reject) => {
    const over = () => reject(signal.reason as Superseded);
    if (signal.aborted) over();
    else signal.addEventListener("abort", over, { once: true });
    answer.then(
      (value) => {
        signal.removeEventListener("abort", over);
        if (signal.aborted) discard(value);
        else resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener("abort", over);
        reject(error as Error);
      },
    );
  });
}

/** Start a job that nobody waits for. */
export function start(job: Promise<unknown>): void {
  job.catch((error: unknown) => {
    if (!(error instanceof Superseded)) throw error;
  });
}
