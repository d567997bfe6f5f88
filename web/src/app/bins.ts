/** A point of a timeline: its number, sums of probabilities, and how many they are. */
export interface Bin {
  bin: number;
  sums: number[];
  count: number;
}

/** Add an answer at a place of a timeline, which is not before the last one. */
export function addToBins(bins: Bin[], place: number, probabilities: number[]): void {
  const bin = Math.floor(place);
  let last = bins.at(-1);
  if (last === undefined || last.bin !== bin) {
    last = { bin, sums: probabilities.map(() => 0), count: 0 };
    bins.push(last);
  }
  addTo(last, probabilities, 1);
}

/** The points of the same timeline when each stands for twice the time. */
export function paired(bins: Bin[]): Bin[] {
  const pairs: Bin[] = [];
  for (const { bin, sums, count } of bins) {
    const last = pairs.at(-1);
    if (last?.bin === bin >> 1) addTo(last, sums, count);
    else pairs.push({ bin: bin >> 1, sums, count });
  }
  return pairs;
}

function addTo(bin: Bin, sums: number[], count: number): void {
  sums.forEach((value, place) => {
    bin.sums[place]! += value;
  });
  bin.count += count;
}
