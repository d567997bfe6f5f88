"""Many images: read and detect_and_crop by several threads, their faces judged together."""

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
from mien.media import VideoFrame, read_image
from mien.preprocess import crop_faces
from mien.structures import FacePrediction, Faces, Frame, FrameResult

if TYPE_CHECKING:
    from mien.inference.analyzer import Analyzer

__all__ = [
    "ImageOutputs",
    "Searched",
    "detect_and_crop",
    "face_at",
    "frame_result",
    "predict_images",
]

_TOGETHER = 8
_MOST_WORKERS = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageOutputs:
    """An image, or a frame of a video, with what the network says of its faces.

    Attributes:
        result: What was found.
        frame: The image itself; None if it could not be read.
        outputs: The network's outputs by name, a row per face, in the order of `result.faces`.
    """

    result: FrameResult
    frame: Frame | VideoFrame | None = None
    outputs: Mapping[str, NDArray[np.float32]] = dataclasses.field(default_factory=dict)

    @classmethod
    def failed(cls, error: MediaError) -> Self:
        """Return what stands for something that cannot be read."""
        return cls(result=FrameResult(source=error.source, error=error.reason))


Searched = tuple[Frame, Faces, NDArray[np.float32]]
"""An image, its faces, and these cut out, `(B, S, S)`."""


def predict_images(
    analyzer: Analyzer, paths: Iterable[str], *, workers: int | None = None
) -> Generator[ImageOutputs, None, None]:
    """Analyse images; they come in their order.

    Args:
        analyzer: Networks and settings.
        paths: The images.
        workers: Threads that read images and look for faces; None takes one per core.

    Yields:
        One per image; one that cannot be read has a result with `error` and no row of outputs.
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
    """Read an image, look for faces and cut them out.

    Raises:
        MediaError: It cannot be read.
    """
    frame = read_image(path)
    return (frame, *detect_and_crop(analyzer, frame))


def detect_and_crop(analyzer: Analyzer, frame: Frame) -> tuple[Faces, NDArray[np.float32]]:
    """Look for faces in a frame and cut them out."""
    faces = analyzer.detector.detect(frame.frame_rgb, min_face_px=analyzer.min_face_px)
    return faces, crop_faces(frame.frame_rgb, faces.landmarks_xy, analyzer.model.crop)


def _judged(
    analyzer: Analyzer, batch: Sequence[tuple[str, Future[Searched]]]
) -> Generator[ImageOutputs, None, None]:
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
            yield ImageOutputs.failed(each)
            continue
        frame, _, cut = each
        rows = slice(place, place + len(cut))
        place += len(cut)
        yield ImageOutputs(
            result=frame_result(analyzer, *each, probabilities[rows]),
            frame=frame,
            outputs={name: values[rows] for name, values in outputs.items()},
        )


def face_at(faces: Sequence[FacePrediction], number: int) -> FacePrediction:
    """Return the face of a number.

    Raises:
        InputError: There is none.
    """
    if not 0 <= number < len(faces):
        known = f"0 to {len(faces) - 1}" if faces else "none, for no face was found"
        raise InputError(f"face {number}: the image's faces are {known}")
    return faces[number]


def frame_result(
    analyzer: Analyzer,
    frame: Frame | VideoFrame,
    faces: Faces,
    crops: NDArray[np.float32],
    probabilities: NDArray[np.float32],
    tracks: Sequence[int] | None = None,
) -> FrameResult:
    """Put together what was found in one image, or in one frame whose people have numbers."""
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
