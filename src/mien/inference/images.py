"""Analysis of many images: threads read them and find faces; the faces are classified together."""

from __future__ import annotations

import dataclasses
import itertools
import numbers
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mien._cores import usable_cores
from mien.errors import InputError, MediaError
from mien.inference.pipeline import DetectedFrame, Pipeline
from mien.media import VideoFrame, read_image
from mien.options import BaselineOptions
from mien.structures import FacePrediction, Frame, FrameResult
from mien.track import Smoothed, corrected, mean_offset, neutral_offset

__all__ = [
    "ImageOutputs",
    "album_offset",
    "face_at",
    "predict_frames",
    "predict_images",
    "predict_loaded",
]

_BATCH_IMAGES = 8
_MAX_WORKERS = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageOutputs:
    """An image or a frame of a video, with the network's outputs for its faces.

    Attributes:
        result: The result.
        frame: The image; None if it could not be read.
        outputs: The network's outputs by name, a row per face, in the order of `result.faces`.
    """

    result: FrameResult
    frame: Frame | VideoFrame | None = None
    outputs: Mapping[str, NDArray[np.float32]] = dataclasses.field(default_factory=dict)

    @classmethod
    def failed(cls, error: MediaError) -> Self:
        """Return the outputs of an input that cannot be read: a result with `error`."""
        return cls(result=FrameResult(source=error.source, error=error.reason))


def predict_images(
    pipeline: Pipeline,
    paths: Iterable[str],
    *,
    workers: int | None = None,
    offset: NDArray[np.floating] | None = None,
) -> Generator[ImageOutputs, None, None]:
    """Analyse image files; results come in the order of the paths.

    Args:
        pipeline: Networks and settings.
        paths: The image files.
        workers: Threads that read images and find faces; None takes one per core.
        offset: The baseline, `(6,)`, of the one person whose images these are; None takes nothing
            off.

    Yields:
        The outputs of each image. If it cannot be read, its result has `error` and there are no
        outputs.
    """

    def load(path: str) -> Callable[[], Frame]:
        return lambda: read_image(path)

    loaders = ((path, load(path)) for path in paths)
    yield from predict_loaded(pipeline, loaders, workers=workers, offset=offset)


def predict_frames(
    pipeline: Pipeline, frames: Sequence[Frame], *, workers: int | None = None
) -> Generator[ImageOutputs, None, None]:
    """Analyse images that are in memory; see `predict_images`."""

    def load(frame: Frame) -> Callable[[], Frame]:
        return lambda: frame

    loaders = ((frame.source, load(frame)) for frame in frames)
    yield from predict_loaded(pipeline, loaders, workers=workers)


def album_offset(
    pipeline: Pipeline,
    paths: Iterable[str],
    options: BaselineOptions,
    *,
    workers: int | None = None,
) -> NDArray[np.float64]:
    """Return the baseline, `(6,)`, of the one person whose images these are.

    All images are read for it, unless the person's neutral face is known.
    """
    spec = pipeline.model.baseline
    if options.neutral is not None:
        return neutral_offset(np.array(options.neutral), spec)
    probabilities = [
        tuple(face.probabilities.values())
        for predicted in predict_images(pipeline, paths, workers=workers)
        for face in predicted.result.faces
    ]
    return mean_offset(np.array(probabilities).reshape(-1, len(spec.neutral)), spec)


def predict_loaded(
    pipeline: Pipeline,
    loaders: Iterable[tuple[str, Callable[[], Frame]]],
    *,
    workers: int | None = None,
    offset: NDArray[np.floating] | None = None,
) -> Generator[ImageOutputs, None, None]:
    """Analyse images that functions load; see `predict_images`.

    Images are loaded and their faces found in threads, a few images ahead of the classification.

    Args:
        pipeline: Networks and settings.
        loaders: What each image is called, and a function that returns it or raises `MediaError`.
        workers: Threads that load images and find faces; None takes one per core.
        offset: As in `predict_images`.
    """
    count = workers or min(usable_cores(), _MAX_WORKERS)
    waiting: deque[tuple[str, Future[DetectedFrame]]] = deque()
    remaining = iter(loaders)
    with ThreadPoolExecutor(count) as pool:
        try:
            while True:
                for source, load in itertools.islice(remaining, 2 * _BATCH_IMAGES - len(waiting)):
                    waiting.append((source, pool.submit(_load_and_detect, pipeline, load)))
                if not waiting:
                    return
                batch = [waiting.popleft() for _ in range(min(_BATCH_IMAGES, len(waiting)))]
                yield from _classify(pipeline, batch, offset)
        finally:
            for _, future in waiting:
                future.cancel()


def _load_and_detect(pipeline: Pipeline, load: Callable[[], Frame]) -> DetectedFrame:
    return pipeline.detect_and_crop(load())


def _classify(
    pipeline: Pipeline,
    batch: Sequence[tuple[str, Future[DetectedFrame]]],
    offset: NDArray[np.floating] | None,
) -> Generator[ImageOutputs, None, None]:
    detected: list[DetectedFrame | MediaError] = []
    for source, future in batch:
        try:
            detected.append(future.result())
        except MediaError as error:
            detected.append(MediaError(source, error.reason))
    crops = [each.crops for each in detected if isinstance(each, DetectedFrame)]
    size = pipeline.model.crop.size
    answers = pipeline.model.classify(
        np.concatenate([np.zeros((0, size, size), np.float32), *crops])
    )
    found = iter(pipeline.read_units([e for e in detected if isinstance(e, DetectedFrame)]))
    start = 0
    for each in detected:
        if isinstance(each, MediaError):
            yield ImageOutputs.failed(each)
            continue
        own = answers[start : start + len(each.faces)]
        start += len(each.faces)
        shown = None if offset is None else _corrected(own.probabilities, offset)
        result = pipeline.record(each, own, smoothed=shown, units=next(found))
        yield ImageOutputs(result=result, frame=each.frame, outputs=own.outputs)


def _corrected(probabilities: NDArray[np.float32], offset: NDArray[np.floating]) -> list[Smoothed]:
    """Take a person's baseline off the answers to the faces of an image."""
    shown = corrected(probabilities, offset)
    return [
        Smoothed(after, int(after.argmax()), before)
        for before, after in zip(probabilities, shown, strict=True)
    ]


def face_at(faces: Sequence[FacePrediction], number: int) -> FacePrediction:
    """Return the face with a number, from 0, largest first.

    Raises:
        InputError: There is no face with this number.
    """
    if isinstance(number, bool) or not isinstance(number, numbers.Integral):
        raise InputError(f"face: expected a whole number from 0 on, found {number!r}")
    if not faces:
        raise InputError(f"face {number}: no face was found in the image")
    if not 0 <= number < len(faces):
        raise InputError(f"face {number}: the image's faces are 0 to {len(faces) - 1}")
    return faces[number]
