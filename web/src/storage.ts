/** Choices that stay until the next visit; a browser that keeps nothing for this site still works. */

/** What was stored under a name, or null. */
export function stored(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** Store a choice if the browser does. */
export function store(name: string, value: string): void {
  try {
    localStorage.setItem(name, value);
  } catch {
    // It holds for this visit only.
  }
}
