"""People over time: track numbers, cuts, smoothing, redetection between detections."""

from mien.track.redetect import redetect_in_roi
from mien.track.scenes import FaceChanges, SceneCuts
from mien.track.scheduler import DetectionScheduler, detection_interval
from mien.track.smoothing import Smoother
from mien.track.tracker import Tracker, track_timeout_s

__all__ = [
    "DetectionScheduler",
    "FaceChanges",
    "SceneCuts",
    "Smoother",
    "Tracker",
    "detection_interval",
    "redetect_in_roi",
    "track_timeout_s",
]
