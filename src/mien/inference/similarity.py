"""Faces that show a like expression, by the network's embedding."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.drawing import face_thumbnail
from mien.errors import MediaError, SpecError
from mien.inference.images import ImageOutputs, face_at, predict_images
from mien.inference.sampling import sample_video
from mien.media import Video, VideoFrame, is_live, is_video
from mien.structures import FacePrediction, Frame, FrameResult

if TYPE_CHECKING:
    from mien.inference.analyzer import Analyzer

__all__ = ["Likeness", "Similar", "find_similar"]

_EMBEDDING = "embedding"
_SIDE_PX = 160

_APART_S = 5.0
"""Of one person in a video only the most similar frame within so many seconds counts: the frames
around it are as similar."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Similar:
    """A face and how alike its expression is.

    Attributes:
        similarity: Cosine of the two embeddings, -1 to 1.
        prediction: The face.
        image: The face with some room around it, 160x160 RGB.
    """

    similarity: float
    prediction: FacePrediction
    image: Image.Image


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Likeness:
    """What `find_similar` found.

    Attributes:
        query: The face that others were compared with, 1.0 like itself.
        found: The most similar faces, the most similar one first; may be empty.
        compared: How many faces were compared; in a video one face counts in each frame.
    """

    query: Similar
    found: tuple[Similar, ...]
    compared: int


def find_similar(
    analyzer: Analyzer,
    query: str | Path,
    media: Iterable[str | MediaError],
    *,
    face: int = 0,
    most: int = 20,
    on_result: Callable[[FrameResult], None] = lambda result: None,
) -> Likeness:
    """Find the faces whose expressions are most like that of one face.

    What is compared is the expression alone, as people's votes see it (Vemulapalli and Agarwala
    2019), not who it is. However many images there are, only the best are kept. Videos are looked
    at eight times a second, and a person's most similar moment of any five seconds counts.

    Args:
        analyzer: Networks and settings.
        query: An image; it is left out where it comes again among the others.
        media: Images and videos, as `find_media` found them.
        face: The number of the face within `query`, from 0, largest first.
        most: How many faces to find.
        on_result: Called with the result of each image and of each frame that was looked at, also
            where it could not be read.

    Raises:
        MediaError: `query` cannot be read as an image.
        InputError: It has no face of that number.
        SpecError: The network has no embedding.
    """
    if _EMBEDDING not in (output.name for output in analyzer.model.spec.outputs):
        raise SpecError(f"{analyzer.model.path}: field 'outputs': there is no '{_EMBEDDING}'")
    (asked,) = predict_images(analyzer, [str(query)], workers=1)
    if asked.frame is None:
        raise MediaError(asked.result.source, asked.result.error or "")
    reference = face_at(asked.result.faces, face)
    wanted = asked.outputs[_EMBEDDING][face]
    best = _Best(most)
    others = (each for each in media if not _same_file(each, query))
    for judged in _judge_media(analyzer, others, on_end=best.end_video):
        on_result(judged.result)
        if judged.frame is not None:
            cosines = _cosines(judged.outputs[_EMBEDDING], wanted)
            for prediction, cosine in zip(judged.result.faces, cosines, strict=True):
                best.offer(float(cosine), prediction, judged.frame)
    return Likeness(
        query=_similar(1.0, reference, asked.frame), found=best.sorted(), compared=best.compared
    )


def _judge_media(
    analyzer: Analyzer, media: Iterable[str | MediaError], *, on_end: Callable[[], None]
) -> Generator[ImageOutputs, None, None]:
    """Judge images together and videos frame by frame; `on_end` is called after each video."""
    for together, group in itertools.groupby(media, key=_is_image):
        if together:
            yield from predict_images(analyzer, map(str, group), workers=analyzer.workers)
            continue
        for each in group:
            try:
                if isinstance(each, MediaError):
                    raise each
                if is_live(each):
                    raise MediaError(
                        each, "a camera or stream cannot be detect_and_crop. Record it first"
                    )
                with Video(each) as video:
                    yield from sample_video(analyzer, video)
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
        self._kept: list[tuple[float, int, Similar]] = []
        self._moments: dict[int, Similar] = {}
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
            if _time_s(face) - _time_s(before.prediction) > _APART_S:
                self._keep(before)
            elif similarity <= before.similarity:
                return
        self._moments[face.track] = _similar(similarity, face, frame)

    def end_video(self) -> None:
        """Settle what is open: the next video's people are others."""
        for moment in self._moments.values():
            self._keep(moment)
        self._moments.clear()

    def sorted(self) -> tuple[Similar, ...]:
        """Return the most similar faces, the most similar one first."""
        return tuple(similar for _, _, similar in sorted(self._kept, reverse=True))

    def _keep(self, similar: Similar) -> None:
        heapq.heappush(self._kept, (similar.similarity, -next(self._order), similar))
        if len(self._kept) > self._most:
            heapq.heappop(self._kept)


def _similar(similarity: float, face: FacePrediction, frame: Frame | VideoFrame) -> Similar:
    pixels = frame.rgb() if isinstance(frame, VideoFrame) else frame.frame_rgb
    image = face_thumbnail(pixels, face.box_xyxy, side_px=_SIDE_PX)
    return Similar(similarity=similarity, prediction=face, image=image)


def _time_s(face: FacePrediction) -> float:
    return face.timestamp_s or 0.0


def _is_image(each: str | MediaError) -> bool:
    return isinstance(each, str) and not is_live(each) and not is_video(each)


def _cosines(embeddings: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosines of `(B, D)` with `(D,)`, `(B,)`; both are of unit length."""
    cosines: NDArray[np.float32] = (embeddings @ wanted).clip(-1, 1)
    return cosines


def _same_file(path: str | MediaError, other: str | Path) -> bool:
    try:
        return isinstance(path, str) and Path(path).samefile(other)
    except (OSError, ValueError):
        return False
