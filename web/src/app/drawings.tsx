import { useEffect, useRef } from "preact/hooks";

import { framePoint } from "../engine/crop";
import type { Explanation } from "../engine/engine";

/** An image that is explained, scaled to be shown. */
export interface Explained {
  image: HTMLCanvasElement;
  width: number;
  height: number;
  explanation: Explanation | null;
}

/** What is drawn by a function, with words for those who do not see it. */
export function Drawing({
  label,
  draw,
}: {
  label: string;
  draw: (canvas: HTMLCanvasElement) => void;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => draw(canvas.current!));
  return <canvas ref={canvas} role="img" aria-label={label} />;
}

/** Draw the image itself. */
export function paste(
  canvas: HTMLCanvasElement,
  image: HTMLCanvasElement,
): CanvasRenderingContext2D {
  canvas.width = image.width;
  canvas.height = image.height;
  const drawn = canvas.getContext("2d")!;
  drawn.drawImage(image, 0, 0);
  return drawn;
}

/** Draw the box and the five points. */
export function drawDetection(
  canvas: HTMLCanvasElement,
  explained: Explained,
  { face }: Explanation,
): void {
  const drawn = paste(canvas, explained.image);
  const scale = explained.image.width / explained.width;
  const [x0, y0, x1, y1] = face.box_xyxy.map((side) => side * scale) as [
    number,
    number,
    number,
    number,
  ];
  const radius = Math.max(7, (x1 - x0) * 0.06);
  drawn.strokeStyle = "#fff";
  drawn.lineWidth = Math.max(2, explained.image.width / 200);
  drawn.beginPath();
  drawn.roundRect(x0, y0, x1 - x0, y1 - y0, (x1 - x0) * 0.08);
  drawn.stroke();
  drawn.font = `600 ${radius * 1.4}px "Inter Variable", system-ui, sans-serif`;
  drawn.textAlign = "center";
  drawn.textBaseline = "middle";
  face.landmarks_xy.forEach(([x, y], place) => {
    drawn.beginPath();
    drawn.arc(x * scale, y * scale, radius, 0, 2 * Math.PI);
    drawn.fillStyle = "rgb(19 20 23 / 80%)";
    drawn.fill();
    drawn.fillStyle = "#fff";
    drawn.fillText(String(place + 1), x * scale, y * scale + radius * 0.08);
  });
}

/** Draw which part of the image is cut out. */
export function drawSquare(
  canvas: HTMLCanvasElement,
  explained: Explained,
  explanation: Explanation,
): void {
  const drawn = paste(canvas, explained.image);
  const scale = explained.image.width / explained.width;
  const { map, size } = explanation;
  const corners = (
    [
      [0, 0],
      [size, 0],
      [size, size],
      [0, size],
    ] as const
  ).map(([x, y]) => framePoint(map, x, y).map((value) => value * scale));
  drawn.fillStyle = "rgb(19 20 23 / 55%)";
  drawn.beginPath();
  drawn.rect(0, 0, canvas.width, canvas.height);
  corners.forEach(([x, y], place) => {
    place === 0 ? drawn.moveTo(x!, y!) : drawn.lineTo(x!, y!);
  });
  drawn.closePath();
  drawn.fill("evenodd");
  drawn.strokeStyle = "#fff";
  drawn.lineWidth = Math.max(2, canvas.width / 240);
  drawn.beginPath();
  corners.forEach(([x, y], place) => {
    place === 0 ? drawn.moveTo(x!, y!) : drawn.lineTo(x!, y!);
  });
  drawn.closePath();
  drawn.stroke();
}

/** Draw what the network sees, a pixel for a pixel. */
export function drawCrop(canvas: HTMLCanvasElement, { crop, size }: Explanation): void {
  canvas.width = size;
  canvas.height = size;
  canvas.classList.add("pixelated");
  const image = new ImageData(size, size);
  crop.forEach((luma, place) => {
    image.data.set([luma, luma, luma, 255], 4 * place);
  });
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}
