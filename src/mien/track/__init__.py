"""People over time: track numbers, smoothing, redetection between detections."""

from mien.track.redetect import redetect_in_roi
from mien.track.scheduler import DetectionScheduler, detections_apart
from mien.track.smoothing import Smoother
from mien.track.tracker import Tracker, track_timeout_s

__all__ = [
    "DetectionScheduler",
    "Smoother",
    "Tracker",
    "detections_apart",
    "redetect_in_roi",
    "track_timeout_s",
]
