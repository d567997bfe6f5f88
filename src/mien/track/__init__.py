"""People over time: track numbers, cuts, smoothing, redetection between detections."""

from mien.track.baseline import Baselines, corrected, mean_offset, neutral_offset
from mien.track.durations import frame_durations_s, longest_gap_s
from mien.track.people import People
from mien.track.redetect import redetect_in_roi
from mien.track.sampling import SamplingInterval
from mien.track.scenes import FaceChanges, SceneCuts
from mien.track.scheduler import DetectionScheduler, detection_interval
from mien.track.smoothing import Smoothed, Smoother
from mien.track.tracker import Tracker, track_timeout_s

__all__ = [
    "Baselines",
    "DetectionScheduler",
    "FaceChanges",
    "People",
    "SamplingInterval",
    "SceneCuts",
    "Smoothed",
    "Smoother",
    "Tracker",
    "corrected",
    "detection_interval",
    "frame_durations_s",
    "longest_gap_s",
    "mean_offset",
    "neutral_offset",
    "redetect_in_roi",
    "track_timeout_s",
]
