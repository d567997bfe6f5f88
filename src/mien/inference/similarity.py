"""Faces with a similar expression, by the network's embedding."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Callable, Generator, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.drawing import face_thumbnail
from mien.errors import MediaError, SpecError
from mien.inference.images import ImageOutputs, face_at, predict_images
from mien.inference.pipeline import EMBEDDING, Pipeline
from mien.inference.runner import is_image
from mien.inference.sampling import sample_video
from mien.media import Video, VideoFrame, is_live
from mien.structures import FacePrediction, Frame, FrameResult

__all__ = ["SimilarFace", "SimilarFaces", "find_similar"]

_SIDE_PX = 160

_MOMENT_S = 5.0
"""Of one person in a video only the most similar frame within so many seconds counts, since the
frames around it are nearly the same."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimilarFace:
    """A face and how similar its expression is.

    Attributes:
        similarity: Cosine of the two embeddings, -1 to 1.
        prediction: The face.
        image: The face with some room around it, 160x160 RGB.
    """

    similarity: float
    prediction: FacePrediction
    image: Image.Image


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimilarFaces:
    """What `find_similar` found.

    Attributes:
        query: The face that others were compared with, 1.0 like itself.
        found: The most similar faces, the most similar one first; may be empty.
        compared: How many faces were compared; in a video one face counts in each frame.
    """

    query: SimilarFace
    found: tuple[SimilarFace, ...]
    compared: int


def find_similar(
    pipeline: Pipeline,
    query: str | Path,
    media: Iterable[str | MediaError],
    *,
    face: int = 0,
    max_faces: int = 20,
    workers: int | None = None,
    on_result: Callable[[FrameResult], None] = lambda result: None,
) -> SimilarFaces:
    """Find the faces whose expressions are most similar to that of one face.

    Expressions are compared, as people's votes group them (Vemulapalli and Agarwala 2019), not
    identities. However many images there are, only the best faces are kept. Videos are sampled
    eight times a second; of each person the most similar frame within any five seconds counts.

    Args:
        pipeline: Networks and settings.
        query: An image file; it is left out where it occurs again among the others.
        media: Images and videos, as `find_media` found them.
        face: The number of the face within `query`, from 0, largest first.
        max_faces: How many faces to find.
        workers: Threads that read images and find faces; None takes one per core.
        on_result: Called with the result of each image and of each sampled frame, also where it
            could not be read.

    Raises:
        MediaError: `query` cannot be read as an image.
        InputError: It has no face of that number.
        SpecError: The network has no embedding.
    """
    if EMBEDDING not in (output.name for output in pipeline.model.spec.outputs):
        raise SpecError(f"{pipeline.model.path}: field 'outputs': there is no '{EMBEDDING}'")
    (asked,) = predict_images(pipeline, [str(query)], workers=1)
    if asked.frame is None:
        raise MediaError(asked.result.source, asked.result.error or "")
    reference = face_at(asked.result.faces, face)
    wanted = asked.outputs[EMBEDDING][face]
    best = _Best(max_faces)
    others = (each for each in media if not _same_file(each, query))
    for predicted in _predict_media(pipeline, others, workers, on_end=best.end_video):
        on_result(predicted.result)
        if predicted.frame is not None:
            cosines = _cosines(predicted.outputs[EMBEDDING], wanted)
            for prediction, cosine in zip(predicted.result.faces, cosines, strict=True):
                best.offer(float(cosine), prediction, predicted.frame)
    return SimilarFaces(
        query=_similar(1.0, reference, asked.frame), found=best.sorted(), compared=best.compared
    )


def _predict_media(
    pipeline: Pipeline,
    media: Iterable[str | MediaError],
    workers: int | None,
    *,
    on_end: Callable[[], None],
) -> Generator[ImageOutputs, None, None]:
    """Classify images together and videos frame by frame; `on_end` is called after each video."""
    for images, group in itertools.groupby(media, key=is_image):
        if images:
            yield from predict_images(pipeline, map(str, group), workers=workers)
            continue
        for each in group:
            try:
                if isinstance(each, MediaError):
                    raise each
                if is_live(each):
                    raise MediaError(each, "a camera or stream cannot be searched. Record it first")
                with Video(each) as video:
                    yield from sample_video(pipeline, video)
            except MediaError as error:
                yield ImageOutputs.failed(error)
            on_end()


class _Best:
    """Keeps the most similar faces, and of people in a video one face per moment.

    Args:
        most: How many.

    Attributes:
        compared: How many faces it was shown.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[tuple[float, int, SimilarFace]] = []
        self._moments: dict[int, SimilarFace] = {}
        self._order = itertools.count()
        self.compared = 0

    def offer(self, similarity: float, face: FacePrediction, frame: Frame | VideoFrame) -> None:
        """Keep a face if it is among the most similar."""
        self.compared += 1
        if len(self._kept) == self._most and similarity <= self._kept[0][0]:
            return
        if face.track is None:
            self._keep(_similar(similarity, face, frame))
            return
        before = self._moments.get(face.track)
        if before is not None:
            if _time_s(face) - _time_s(before.prediction) > _MOMENT_S:
                self._keep(before)
            elif similarity <= before.similarity:
                return
        self._moments[face.track] = _similar(similarity, face, frame)

    def end_video(self) -> None:
        """Settle what is open: the next video's people are others."""
        for moment in self._moments.values():
            self._keep(moment)
        self._moments.clear()

    def sorted(self) -> tuple[SimilarFace, ...]:
        """Return the most similar faces, the most similar one first."""
        return tuple(similar for _, _, similar in sorted(self._kept, reverse=True))

    def _keep(self, similar: SimilarFace) -> None:
        heapq.heappush(self._kept, (similar.similarity, -next(self._order), similar))
        if len(self._kept) > self._most:
            heapq.heappop(self._kept)


def _similar(similarity: float, face: FacePrediction, frame: Frame | VideoFrame) -> SimilarFace:
    pixels = frame.rgb() if isinstance(frame, VideoFrame) else frame.frame_rgb
    image = face_thumbnail(pixels, face.box_xyxy, side_px=_SIDE_PX)
    return SimilarFace(similarity=similarity, prediction=face, image=image)


def _time_s(face: FacePrediction) -> float:
    return face.timestamp_s or 0.0


def _cosines(embeddings: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosines of `(B, D)` with `(D,)`, `(B,)`; both are of unit length."""
    cosines: NDArray[np.float32] = (embeddings @ wanted).clip(-1, 1)
    return cosines


def _same_file(path: str | MediaError, other: str | Path) -> bool:
    try:
        return isinstance(path, str) and Path(path).samefile(other)
    except (OSError, ValueError):
        return False
