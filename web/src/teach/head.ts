/** A small head on the emotion network's embedding, trained on a visitor's corrections. */

/** One corrected face. */
export interface Lesson {
  /** The embedding, of length 1. */
  direction: number[];
  /** The place of the right label. */
  label: number;
  /** What the network said. */
  probabilities: number[];
}

/** A row of weights per label. */
export type Head = number[][];

const STEPS = 400;
const RATE = 0.5;
/** How strongly weights are held near 0, where the network's own answer stays as it is. */
const DECAY = 0.02;
const MIN_PROBABILITY = 1e-6;

/** An embedding scaled to length 1. */
export function direction(embedding: ArrayLike<number>): number[] {
  const values = Array.from(embedding);
  const length = Math.hypot(...values) || 1;
  return values.map((value) => value / length);
}

/** The answer with a head: softmax(log(probabilities) + weights · direction). */
export function corrected(head: Head, probabilities: number[], towards: number[]): number[] {
  const logits = probabilities.map(
    (value, label) => Math.log(Math.max(value, MIN_PROBABILITY)) + dot(head[label]!, towards),
  );
  const top = Math.max(...logits);
  const powers = logits.map((value) => Math.exp(value - top));
  const total = powers.reduce((sum, value) => sum + value, 0);
  return powers.map((value) => value / total);
}

/** Train a head by gradient descent on the mean cross-entropy with weight decay. */
export function trained(lessons: Lesson[]): Head {
  const first = lessons[0]!;
  const head = first.probabilities.map(() => first.direction.map(() => 0));
  for (let step = 0; step < STEPS; step++) {
    const gradient = head.map((row) => row.map((value) => DECAY * value));
    for (const lesson of lessons) {
      const found = corrected(head, lesson.probabilities, lesson.direction);
      found.forEach((value, label) => {
        const error = (value - (label === lesson.label ? 1 : 0)) / lessons.length;
        lesson.direction.forEach((part, place) => {
          gradient[label]![place]! += error * part;
        });
      });
    }
    head.forEach((row, label) => {
      row.forEach((_, place) => {
        row[place]! -= RATE * gradient[label]![place]!;
      });
    });
  }
  return head;
}

/** Points on the plane of their two main directions, each from -1 to 1 (principal components). */
export function projected(points: number[][]): [number, number][] {
  const size = points[0]?.length ?? 0;
  const middle = Array.from({ length: size }, (_, place) => mean(points.map((p) => p[place]!)));
  let rest = points.map((point) => point.map((value, place) => value - middle[place]!));
  const axes: number[][] = [];
  for (let axis = 0; axis < 2; axis++) {
    const main = mainDirection(rest, size);
    const along = rest.map((point) => dot(point, main));
    rest = rest.map((point, number) =>
      point.map((value, place) => value - along[number]! * main[place]!),
    );
    axes.push(along);
  }
  // One scale for both, so that distances keep their proportion.
  const widest = Math.max(...axes.flat().map(Math.abs), 1e-9);
  return points.map((_, number) => [axes[0]![number]! / widest, axes[1]![number]! / widest]);
}

/**
 * Points moved as little as it takes so that none covers another, `least` apart at best, and none
 * is farther from the middle than `most` across and down.
 */
export function spread(
  points: [number, number][],
  least: number,
  most: [number, number],
): [number, number][] {
  const found = points.map(([x, y]): [number, number] => [x, y]);
  const within = (value: number, bound: number) => Math.min(Math.max(value, -bound), bound);
  for (let step = 0; step < 40; step++) {
    for (let one = 0; one < found.length; one++) {
      for (let other = 0; other < one; other++) {
        const [a, b] = [found[one]!, found[other]!];
        // Two points in one place go apart in a direction of their own.
        const turn = one * 2.4;
        const across = a[0] - b[0] || 1e-6 * Math.cos(turn);
        const down = a[1] - b[1] || 1e-6 * Math.sin(turn);
        const apart = Math.hypot(across, down);
        const missing = (least - apart) / 2;
        if (missing <= 0) continue;
        a[0] += (missing * across) / apart;
        a[1] += (missing * down) / apart;
        b[0] -= (missing * across) / apart;
        b[1] -= (missing * down) / apart;
      }
    }
    for (const point of found) {
      point[0] = within(point[0], most[0]);
      point[1] = within(point[1], most[1]);
    }
  }
  return found;
}

/** The direction in which centred points differ most, by power iteration. */
function mainDirection(points: number[][], size: number): number[] {
  let found = Array.from({ length: size }, (_, place) => 1 / (place + 1));
  for (let step = 0; step < 60; step++) {
    const next = Array.from({ length: size }, () => 0);
    for (const point of points) {
      const along = dot(point, found);
      point.forEach((value, place) => {
        next[place]! += along * value;
      });
    }
    const length = Math.hypot(...next);
    if (length < 1e-12) break;
    found = next.map((value) => value / length);
  }
  const length = Math.hypot(...found) || 1;
  return found.map((value) => value / length);
}

function dot(a: number[], b: number[]): number {
  return a.reduce((sum, value, place) => sum + value * b[place]!, 0);
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
}
