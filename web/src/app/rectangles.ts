/** Where things are drawn on a canvas. */
export interface Rectangle {
  left: number;
  top: number;
  width: number;
  height: number;
}

type Size = Pick<Rectangle, "width" | "height">;

/** The area that two rectangles share. */
export function shared(a: Rectangle, b: Rectangle): number {
  const width = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
  const height = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
  return Math.max(0, width) * Math.max(0, height);
}

/** The first place at a box, beside, below or above it, that hides nothing; null if there is none. */
export function freePlace(
  { left, top, width, height }: Rectangle,
  size: Size,
  room: Size,
  taken: Rectangle[],
  gap: number,
): Rectangle | null {
  const right = left + width;
  const bottom = top + height;
  const tops = [top, bottom - size.height, (top + bottom - size.height) / 2];
  const lefts = [left, right - size.width];
  const corners = [
    ...[right + gap, left - gap - size.width].flatMap((x) => tops.map((y) => [x, y])),
    ...[bottom + gap, top - gap - size.height].flatMap((y) => lefts.map((x) => [x, y])),
  ] as [number, number][];
  for (const [x, y] of corners) {
    const place = { left: x, top: y, ...size };
    const isWithin =
      x >= 0 && y >= 0 && x + size.width <= room.width && y + size.height <= room.height;
    if (isWithin && taken.every((other) => shared(place, other) === 0)) return place;
  }
  return null;
}
