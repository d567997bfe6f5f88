/**
 * Look at each of some things in turn, but at large ones after all others, which they would hold up;
 * `postponed` hears of these.
 */
export async function largeLast<Each>(
  all: Each[],
  isLarge: (each: Each) => Promise<boolean>,
  look: (each: Each) => Promise<void>,
  postponed: (each: Each) => void,
): Promise<void> {
  const large: Each[] = [];
  for (const each of all) {
    if (await isLarge(each)) {
      large.push(each);
      postponed(each);
    } else {
      await look(each);
    }
  }
  for (const each of large) await look(each);
}
