"""A film looked at now and then, each frame by itself."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from mien.detect import Tracker
from mien.inference.ahead import ahead
from mien.inference.film import DETECTIONS_PER_S, look_for_faces
from mien.inference.frames import cut_faces
from mien.inference.pictures import Judged, frame_result
from mien.media import Film

if TYPE_CHECKING:
    from mien.inference.analyzer import Analyzer

__all__ = ["judge_moments"]

_DECODED_AHEAD = 4


def judge_moments(analyzer: Analyzer, film: Film) -> Generator[Judged, None, None]:
    """Analyse a film eight times a second; people have numbers, nothing is smoothed.

    Args:
        analyzer: Networks and settings.
        film: The film.

    Yields:
        One per frame that was looked at, in order.

    Raises:
        MediaError: At the end, if the film is damaged.
    """
    tracker = Tracker()
    tracker.apart_s = 1 / min(DETECTIONS_PER_S, film.frames_per_second or DETECTIONS_PER_S)
    frames = ahead(film.frames(per_second=DETECTIONS_PER_S), _DECODED_AHEAD)
    try:
        for frame in frames:
            faces = look_for_faces(analyzer.detector, frame, analyzer.min_face_px)
            tracks = tracker.update(faces, frame.timestamp_s)
            crops = cut_faces(analyzer, frame, faces)
            outputs = analyzer.model.run(crops)
            probabilities = analyzer.model.combine(outputs)
            result = frame_result(analyzer, frame, faces, crops, probabilities, tracks)
            yield Judged(result=result, frame=frame, outputs=outputs)
    finally:
        frames.close()
