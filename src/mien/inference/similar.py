"""Faces that show a like expression, by the network's embedding."""

from __future__ import annotations

import dataclasses
import heapq
import itertools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.errors import MediaError, SpecError
from mien.inference.pictures import judge_pictures, numbered
from mien.structures import FacePrediction, FrameResult

if TYPE_CHECKING:
    from mien.inference.analyzer import Analyzer

__all__ = ["Likeness", "Similar", "find_similar"]

_EMBEDDING = "embedding"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """A face and how alike its expression is.

    Attributes:
        similarity: Cosine of the two embeddings, -1 to 1.
        prediction: The face.
    """

    similarity: float
    prediction: FacePrediction


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What `find_similar` found.

    Attributes:
        query: The face that others were compared with.
        found: The most similar faces, the most similar one first; may be empty.
        compared: How many faces were compared.
    """

    query: FacePrediction
    found: tuple[Similar, ...]
    compared: int


def find_similar(
    analyzer: Analyzer,
    query: str | Path,
    pictures: Iterable[str | MediaError],
    *,
    face: int = 0,
    most: int = 20,
    on_result: Callable[[FrameResult], None] = lambda result: None,
) -> Likeness:
    """Find the faces whose expressions are most like that of one face.

    What is compared is the expression alone, as people's votes see it (Vemulapalli and Agarwala
    2019), not who it is. However many pictures there are, only the best are kept.

    Args:
        analyzer: Networks and settings.
        query: A picture; it is left out where it comes again among the others.
        pictures: What `find_pictures` found.
        face: The number of the face within `query`, from 0, largest first.
        most: How many faces to find.
        on_result: Called with each picture's result, also where it could not be read.

    Raises:
        MediaError: `query` cannot be read as a picture.
        InputError: It has no face of that number.
        SpecError: The network has no embedding.
    """
    if _EMBEDDING not in (output.name for output in analyzer.model.spec.outputs):
        raise SpecError(f"{analyzer.model.path}: field 'outputs': there is no '{_EMBEDDING}'")
    (asked,) = judge_pictures(analyzer, [str(query)], workers=1)
    if asked.result.error is not None:
        raise MediaError(asked.result.source, asked.result.error)
    reference = numbered(asked.result.faces, face)
    wanted = asked.outputs[_EMBEDDING][face]
    best: list[tuple[float, int, FacePrediction]] = []
    compared = itertools.count()
    for readable, group in itertools.groupby(pictures, key=lambda each: isinstance(each, str)):
        if not readable:
            for error in group:
                if isinstance(error, MediaError):
                    on_result(FrameResult(source=error.source, error=error.reason))
            continue
        others = (each for each in map(str, group) if not _same_file(each, query))
        for judged in judge_pictures(analyzer, others, workers=analyzer.workers):
            on_result(judged.result)
            cosines = _cosines(judged.outputs[_EMBEDDING], wanted)
            for prediction, cosine in zip(judged.result.faces, cosines, strict=True):
                heapq.heappush(best, (float(cosine), -next(compared), prediction))
                if len(best) > most:
                    heapq.heappop(best)
    found = sorted(best, reverse=True)
    return Likeness(
        query=reference,
        found=tuple(Similar(similarity=cosine, prediction=each) for cosine, _, each in found),
        compared=next(compared),
    )


def _cosines(embeddings: NDArray[np.float32], wanted: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosines of `(B, D)` with `(D,)`, `(B,)`; both are of unit length."""
    cosines: NDArray[np.float32] = (embeddings @ wanted).clip(-1, 1)
    return cosines


def _same_file(path: str, other: str | Path) -> bool:
    try:
        return Path(path).samefile(other)
    except OSError:
        return False
