"""Search for faces with a similar expression, by the network's embedding."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien._checking import check_count
from mien._output import is_same_file
from mien.drawing import face_thumbnail
from mien.errors import InputError, MediaError
from mien.inference.images import ImageOutputs, face_at, predict_images
from mien.inference.pipeline import EMBEDDING, Pipeline
from mien.inference.runner import is_image
from mien.inference.sampling import sample_video
from mien.media import Video, VideoFrame, is_live
from mien.structures import FacePrediction, Frame, FrameResult

__all__ = ["SimilarFace", "SimilarFaces", "find_similar"]

_THUMBNAIL_PX = 160

_MIN_GAP_S = 5.0
"""Neighbouring frames of a video are nearly the same, so only the most similar frame of a person
within this time counts."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimilarFace:
    """A face and the similarity of its expression to the query's.

    Attributes:
        similarity: The cosine of the two embeddings, -1 to 1.
        prediction: The face.
        image: The face with a margin, 160x160 RGB.
    """

    similarity: float
    prediction: FacePrediction
    image: Image.Image


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimilarFaces:
    """The result of `find_similar`: a sequence of faces, the most similar face first.

    Attributes:
        query: The face that others were compared with; its similarity is 1.
        faces: The most similar faces, the most similar face first; may be empty.
        compared: How many faces were compared; in a video, a person counts once per sampled frame.
    """

    query: SimilarFace
    faces: tuple[SimilarFace, ...]
    compared: int

    def __len__(self) -> int:
        return len(self.faces)

    def __iter__(self) -> Iterator[SimilarFace]:
        return iter(self.faces)

    @overload
    def __getitem__(self, index: int) -> SimilarFace: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[SimilarFace, ...]: ...

    def __getitem__(self, index: int | slice) -> SimilarFace | tuple[SimilarFace, ...]:
        return self.faces[index]


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

    Expressions are compared, not identities; the embedding is trained on people's judgements of
    similarity (Vemulapalli and Agarwala 2019). Memory use does not grow with the number of images.
    Videos are sampled eight times per second; of each person, the most similar frame within any
    five seconds counts.

    Args:
        pipeline: Networks and settings.
        query: An image file; if it is also among `media`, it is skipped there.
        media: Images and videos, from `find_media`.
        face: The number of the face within `query`, from 0, largest first.
        max_faces: How many faces to return.
        workers: Threads that read images and find faces; None takes one per core.
        on_result: Called with the result of each image and of each sampled frame; the result of an
            input that cannot be read has `error`.

    Raises:
        MediaError: `query` cannot be read as an image.
        InputError: The query has no face with this number.
        SpecError: The network has no embedding.
    """
    if not isinstance(query, str | Path):
        found = type(query).__name__
        raise InputError(f"query: expected the path of an image, found {found}")
    if is_live(str(query)):
        raise MediaError(str(query), "a camera or stream, not an image. Save the image first")
    max_faces = check_count("max_faces", max_faces)
    pipeline.check_embedding()
    (query_outputs,) = predict_images(pipeline, [str(query)], workers=1)
    if query_outputs.frame is None:
        raise MediaError(query_outputs.result.source, query_outputs.result.error or "")
    query_face = face_at(query_outputs.result.faces, face)
    query_embedding = query_outputs.outputs[EMBEDDING][face]
    best = _TopFaces(max_faces)
    others = (
        each for each in media if isinstance(each, MediaError) or not is_same_file(each, query)
    )
    for predicted in _predict_media(pipeline, others, workers, on_end=best.end_video):
        on_result(predicted.result)
        if predicted.frame is not None:
            cosines = _cosines(predicted.outputs[EMBEDDING], query_embedding)
            for prediction, cosine in zip(predicted.result.faces, cosines, strict=True):
                best.add(float(cosine), prediction, predicted.frame)
    return SimilarFaces(
        query=_similar(1.0, query_face, query_outputs.frame),
        faces=best.sorted(),
        compared=best.compared,
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


class _TopFaces:
    """Collects the most similar faces; of a person in a video, one face per `_MIN_GAP_S`.

    Args:
        max_faces: How many faces to collect.

    Attributes:
        compared: How many faces were added.
    """

    def __init__(self, max_faces: int) -> None:
        self._max_faces = max_faces
        self._heap: list[tuple[float, int, SimilarFace]] = []
        self._best_of_track: dict[int, SimilarFace] = {}
        self._order = itertools.count()
        self.compared = 0

    def add(self, similarity: float, face: FacePrediction, frame: Frame | VideoFrame) -> None:
        """Add a face, if it is among the most similar."""
        self.compared += 1
        if len(self._heap) == self._max_faces and similarity <= self._heap[0][0]:
            return
        if face.track is None:
            self._push(_similar(similarity, face, frame))
            return
        before = self._best_of_track.get(face.track)
        if before is not None:
            if _time_s(face) - _time_s(before.prediction) > _MIN_GAP_S:
                self._push(before)
            elif similarity <= before.similarity:
                return
        self._best_of_track[face.track] = _similar(similarity, face, frame)

    def end_video(self) -> None:
        """Finish the tracks of a video; the next video has other people."""
        for similar in self._best_of_track.values():
            self._push(similar)
        self._best_of_track.clear()

    def sorted(self) -> tuple[SimilarFace, ...]:
        """Return the most similar faces, the most similar face first."""
        return tuple(similar for _, _, similar in sorted(self._heap, reverse=True))

    def _push(self, similar: SimilarFace) -> None:
        heapq.heappush(self._heap, (similar.similarity, -next(self._order), similar))
        if len(self._heap) > self._max_faces:
            heapq.heappop(self._heap)


def _similar(similarity: float, face: FacePrediction, frame: Frame | VideoFrame) -> SimilarFace:
    pixels = frame.rgb() if isinstance(frame, VideoFrame) else frame.frame_rgb
    image = face_thumbnail(pixels, face.box_xyxy, side_px=_THUMBNAIL_PX)
    return SimilarFace(similarity=similarity, prediction=face, image=image)


def _time_s(face: FacePrediction) -> float:
    return face.timestamp_s or 0.0


def _cosines(embeddings: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosines of `(B, D)` with `(D,)`, `(B,)`; all vectors have length 1."""
    cosines: NDArray[np.float32] = (embeddings @ query).clip(-1, 1)
    return cosines
