"""Analysis of sampled frames of a video, without smoothing over time."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from mien.errors import MediaError
from mien.inference.holding import HeldFrames, Released, with_people
from mien.inference.images import ImageOutputs
from mien.inference.pipeline import DetectedFrame, Pipeline
from mien.inference.prefetch import prefetch
from mien.inference.video import DETECTIONS_PER_S
from mien.media import Video
from mien.track import People, SamplingInterval, SceneCuts, Tracker

__all__ = ["sample_video"]

_PREFETCHED_FRAMES = 4


def sample_video(pipeline: Pipeline, video: Video) -> Generator[ImageOutputs, None, None]:
    """Analyse eight frames per second; faces have track numbers, probabilities are not smoothed.

    Args:
        pipeline: Networks and settings.
        video: The video.

    Yields:
        The outputs of each sampled frame, in order; faces that are nobody's are left out.

    Raises:
        MediaError: The video is damaged; raised after the frames before the damage.
    """
    tracker, cuts, people = Tracker(), SceneCuts(), People()
    held = HeldFrames[ImageOutputs](people)
    interval = SamplingInterval()
    frames = prefetch(video.frames(per_second=DETECTIONS_PER_S), _PREFETCHED_FRAMES)
    damage: MediaError | None = None
    last_s = 0.0
    try:
        try:
            for frame in frames:
                last_s = frame.timestamp_s
                if cuts.is_cut(frame):
                    tracker.cut()
                tracker.resize((frame.width, frame.height))
                faces = pipeline.detect(frame)
                crops = pipeline.crop(frame, faces)
                tracker.sampling_interval_s = interval.update(last_s)
                tracks = tracker.update(faces, last_s, crops=crops)
                people.observe(tracks, faces.detection_scores.tolist(), last_s)
                detected = DetectedFrame(frame=frame, faces=faces, crops=crops, tracks=tracks)
                answers = pipeline.model.classify(detected.crops)
                result = pipeline.record(detected, answers)
                outputs = ImageOutputs(result=result, frame=frame, outputs=answers.outputs)
                held.add(outputs, last_s, tracks)
                yield from map(_with_people, held.release(tracker.numbers))
        except MediaError as error:
            damage = error  # raised after the frames that were held back
        people.end(last_s)
        yield from map(_with_people, held.release(()))
        if damage is not None:
            raise damage
    finally:
        frames.close()


def _with_people(released: Released[ImageOutputs]) -> ImageOutputs:
    item, numbers = released.item, released.numbers
    kept = np.array([number is not None for number in numbers], bool)
    return ImageOutputs(
        result=with_people(item.result, numbers),
        frame=item.frame,
        outputs={name: values[kept] for name, values in item.outputs.items()},
    )
