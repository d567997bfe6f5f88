"""A video looked at now and then, each frame by itself."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from mien.inference.frames import cut_faces
from mien.inference.images import ImageOutputs, frame_result
from mien.inference.prefetch import prefetch
from mien.inference.video import DETECTIONS_PER_S, detect_downscaled
from mien.media import Video
from mien.track import Tracker

if TYPE_CHECKING:
    from mien.inference.analyzer import Analyzer

__all__ = ["sample_video"]

_DECODED_AHEAD = 4


def sample_video(analyzer: Analyzer, video: Video) -> Generator[ImageOutputs, None, None]:
    """Analyse a video eight times a second; people have numbers, nothing is smoothed.

    Args:
        analyzer: Networks and settings.
        video: The video.

    Yields:
        One per frame that was looked at, in order.

    Raises:
        MediaError: At the end, if the video is damaged.
    """
    tracker = Tracker()
    tracker.sampling_interval_s = 1 / min(
        DETECTIONS_PER_S, video.frames_per_second or DETECTIONS_PER_S
    )
    frames = prefetch(video.frames(per_second=DETECTIONS_PER_S), _DECODED_AHEAD)
    try:
        for frame in frames:
            faces = detect_downscaled(analyzer.detector, frame, analyzer.min_face_px)
            tracks = tracker.update(faces, frame.timestamp_s)
            crops = cut_faces(analyzer, frame, faces)
            outputs = analyzer.model.run(crops)
            probabilities = analyzer.model.combine(outputs)
            result = frame_result(analyzer, frame, faces, crops, probabilities, tracks)
            yield ImageOutputs(result=result, frame=frame, outputs=outputs)
    finally:
        frames.close()
