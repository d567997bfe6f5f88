"""Many pictures: read and searched by several threads, their faces judged together."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from mien.errors import InputError, MediaError
from mien.media import FilmFrame, read_picture
from mien.preprocess import crop_faces
from mien.structures import FacePrediction, Faces, Frame, FrameResult

if TYPE_CHECKING:
    from mien.inference.analyzer import Analyzer

__all__ = ["Judged", "Searched", "frame_result", "judge_pictures", "numbered", "searched"]

_TOGETHER = 8
_MOST_WORKERS = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """A picture, or a frame of a film, with what the network says of its faces.

    Attributes:
        result: What was found.
        frame: The picture itself; None if it could not be read.
        outputs: The network's outputs by name, a row per face, in the order of `result.faces`.
    """

    result: FrameResult
    frame: Frame | FilmFrame | None = None
    outputs: Mapping[str, NDArray[np.float32]] = dataclasses.field(default_factory=dict)

    @classmethod
    def failed(cls, error: MediaError) -> Self:
        """Return what stands for something that cannot be read."""
        return cls(result=FrameResult(source=error.source, error=error.reason))


Searched = tuple[Frame, Faces, NDArray[np.float32]]
"""A picture, its faces, and these cut out, `(B, S, S)`."""


def judge_pictures(
    analyzer: Analyzer, paths: Iterable[str], *, workers: int | None = None
) -> Generator[Judged, None, None]:
    """Analyse pictures; they come in their order.

    Args:
        analyzer: Networks and settings.
        paths: The pictures.
        workers: Threads that read pictures and look for faces; None takes one per core.

    Yields:
        One per picture; one that cannot be read has a result with `error` and no row of outputs.
    """
    count = workers or min(os.cpu_count() or 1, _MOST_WORKERS)
    waiting: deque[tuple[str, Future[Searched]]] = deque()
    coming = iter(paths)
    with ThreadPoolExecutor(count) as pool:
        try:
            while True:
                for path in itertools.islice(coming, 2 * _TOGETHER - len(waiting)):
                    waiting.append((path, pool.submit(_search, analyzer, path)))
                if not waiting:
                    return
                batch = [waiting.popleft() for _ in range(min(_TOGETHER, len(waiting)))]
                yield from _judged(analyzer, batch)
        finally:
            for _, future in waiting:
                future.cancel()


def _search(analyzer: Analyzer, path: str) -> Searched:
    """Read a picture, look for faces and cut them out.

    Raises:
        MediaError: It cannot be read.
    """
    frame = read_picture(path)
    return (frame, *searched(analyzer, frame))


def searched(analyzer: Analyzer, frame: Frame) -> tuple[Faces, NDArray[np.float32]]:
    """Look for faces in a frame and cut them out."""
    faces = analyzer.detector.detect(frame.frame_rgb, min_face_px=analyzer.min_face_px)
    return faces, crop_faces(frame.frame_rgb, faces.landmarks_xy, analyzer.model.crop)


def _judged(
    analyzer: Analyzer, batch: Sequence[tuple[str, Future[Searched]]]
) -> Generator[Judged, None, None]:
    found: list[Searched | MediaError] = []
    for path, future in batch:
        try:
            found.append(future.result())
        except MediaError as error:
            found.append(MediaError(path, error.reason))
    crops = [each[2] for each in found if not isinstance(each, MediaError)]
    size = analyzer.model.crop.size
    together = np.concatenate([np.zeros((0, size, size), np.float32), *crops])
    outputs = analyzer.model.run(together)
    probabilities = analyzer.model.combine(outputs)
    place = 0
    for each in found:
        if isinstance(each, MediaError):
            yield Judged.failed(each)
            continue
        frame, _, cut = each
        rows = slice(place, place + len(cut))
        place += len(cut)
        yield Judged(
            result=frame_result(analyzer, *each, probabilities[rows]),
            frame=frame,
            outputs={name: values[rows] for name, values in outputs.items()},
        )


def numbered(faces: Sequence[FacePrediction], number: int) -> FacePrediction:
    """Return the face of a number.

    Raises:
        InputError: There is none.
    """
    if not 0 <= number < len(faces):
        known = f"0 to {len(faces) - 1}" if faces else "none, for no face was found"
        raise InputError(f"face {number}: the picture's faces are {known}")
    return faces[number]


def frame_result(
    analyzer: Analyzer,
    frame: Frame | FilmFrame,
    faces: Faces,
    crops: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    tracks: Sequence[int] | None = None,
) -> FrameResult:
    """Put together what was found in one picture, or in one frame whose people have numbers."""
    return FrameResult(
        source=frame.source,
        frame=frame.frame,
        timestamp_s=frame.timestamp_s,
        width=frame.width,
        height=frame.height,
        faces=tuple(
            analyzer.predict(
                frame,
                number,
                face,
                crop=crops[number],
                probabilities=probabilities[number],
                track=None if tracks is None else tracks[number],
            )
            for number, face in enumerate(faces)
        ),
        notes=frame.notes if isinstance(frame, Frame) else (),
    )
