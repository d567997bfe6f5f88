import { useEffect, useRef } from "preact/hooks";

/** A face cut out of its image; where there is none, its number, if that stands nowhere else. */
export function Crop({ image, number }: { image: ImageBitmap | null; number?: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current === null || image === null || image.width === 0) return;
    canvas.current.width = image.width;
    canvas.current.height = image.height;
    canvas.current.getContext("2d")!.drawImage(image, 0, 0);
  }, [image]);
  return (
    <span class="crop" aria-hidden="true">
      {image === null ? number : <canvas ref={canvas} />}
    </span>
  );
}
