"""Analysis of sampled frames of a video, without smoothing over time."""

from __future__ import annotations

from collections.abc import Generator

from mien.inference.images import ImageOutputs
from mien.inference.pipeline import DetectedFrame, Pipeline
from mien.inference.prefetch import prefetch
from mien.inference.video import DETECTIONS_PER_S
from mien.media import Video
from mien.track import SceneCuts, Tracker

__all__ = ["sample_video"]

_PREFETCHED_FRAMES = 4


def sample_video(pipeline: Pipeline, video: Video) -> Generator[ImageOutputs, None, None]:
    """Analyse eight frames per second; faces have track numbers, probabilities are not smoothed.

    Args:
        pipeline: Networks and settings.
        video: The video.

    Yields:
        The outputs of each sampled frame, in order.

    Raises:
        MediaError: The video is damaged; raised after the frames before the damage.
    """
    tracker, cuts = Tracker(), SceneCuts()
    rate = min(DETECTIONS_PER_S, video.frames_per_second or DETECTIONS_PER_S)
    tracker.sampling_interval_s = 1 / rate
    frames = prefetch(video.frames(per_second=DETECTIONS_PER_S), _PREFETCHED_FRAMES)
    try:
        for frame in frames:
            if cuts.is_cut(frame):
                tracker.cut()
            tracker.resize((frame.width, frame.height))
            faces = pipeline.detect(frame)
            crops = pipeline.crop(frame, faces)
            tracks = tracker.update(faces, frame.timestamp_s, crops=crops)
            detected = DetectedFrame(frame=frame, faces=faces, crops=crops, tracks=tracks)
            answers = pipeline.model.classify(detected.crops)
            result = pipeline.record(detected, answers)
            yield ImageOutputs(result=result, frame=frame, outputs=answers.outputs)
    finally:
        frames.close()
