"""Where detections are far apart, people are remembered for some of them: vectors for the page."""

import json
from pathlib import Path

import numpy as np
import pytest

from mien.structures import Faces
from mien.track import Smoother, Tracker
from mien.track.scheduler import DetectionScheduler

VECTORS = json.loads((Path(__file__).parents[1] / "parity" / "sparse.json").read_text())


def faces(boxes):
    array = np.array(boxes, np.float32).reshape(-1, 4)
    return Faces(
        boxes_xyxy=array,
        landmarks_xy=np.zeros((len(array), 5, 2), np.float32),
        detection_scores=np.ones(len(array), np.float32),
    )


def test_the_tracker_gives_the_numbers_of_the_vectors():
    tracker, scheduler = Tracker(), DetectionScheduler(every=1)
    for frame, step in enumerate(VECTORS["tracker"]):
        scheduler.should_detect(frame, step["timestamp_s"])
        assert scheduler.frame_interval_s == pytest.approx(step["interval_s"], abs=1e-9)
        tracker.sampling_interval_s = scheduler.frame_interval_s
        assert tracker.update(faces(step["boxes"]), step["timestamp_s"]) == step["numbers"]


def test_the_smoother_gives_the_probabilities_of_the_vectors():
    smoother = Smoother()
    for step in VECTORS["smoother"]:
        smoother.sampling_interval_s = step["interval_s"]
        smoothed, label, _ = smoother.update(
            step["track"], np.array(step["probabilities"]), step["timestamp_s"]
        )
        np.testing.assert_allclose(smoothed, step["smoothed"], atol=1e-9)
        assert label == step["label"]


def test_with_a_fixed_time_the_vectors_would_be_others():
    steps = VECTORS["tracker"]
    tracker, smoother = Tracker(), Smoother()
    numbers = [tracker.update(faces(step["boxes"]), step["timestamp_s"]) for step in steps]
    assert numbers != [step["numbers"] for step in steps]
    smoothed = [
        smoother.update(step["track"], np.array(step["probabilities"]), step["timestamp_s"])[0]
        for step in VECTORS["smoother"]
    ]
    assert not np.allclose(smoothed, [step["smoothed"] for step in VECTORS["smoother"]])
