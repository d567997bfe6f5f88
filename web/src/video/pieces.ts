import type { StreamTargetChunk } from "mediabunny";

interface Piece {
  start: number;
  content: Blob;
}

/**
 * A file that is written in pieces, some of them over others. No buffer ever holds all of it, which
 * browsers limit to 2 GB, and a browser may keep the pieces on the disk.
 */
export class FilePieces {
  /** In order, none over another. */
  private pieces: Piece[] = [];

  /** Where the file is written to. */
  stream(): WritableStream<StreamTargetChunk> {
    return new WritableStream({ write: ({ data, position }) => this.write(data, position) });
  }

  /** The file as far as it is written. */
  file(type: string): Blob {
    return new Blob(
      this.pieces.map(({ content }) => content),
      { type },
    );
  }

  private write(data: Uint8Array<ArrayBuffer>, start: number): void {
    const end = start + data.byteLength;
    const left = this.pieces.flatMap((piece) => cut(piece, 0, start));
    const right = this.pieces.flatMap((piece) => cut(piece, end, Number.POSITIVE_INFINITY));
    this.pieces = [...left, { start, content: new Blob([data]) }, ...right];
  }
}

/** What of a piece lies between two places of the file, if anything does. */
function cut({ start, content }: Piece, from: number, to: number): Piece[] {
  const [first, last] = [Math.max(start, from), Math.min(start + content.size, to)];
  if (first >= last) return [];
  if (last - first === content.size) return [{ start, content }];
  return [{ start: first, content: content.slice(first - start, last - start) }];
}
