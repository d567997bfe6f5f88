"""Quality of a detected face: what makes its expression easy or hard to read."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mien.structures import Face, Quality
from mien.units import HeadPose

__all__ = ["face_quality", "sharpness"]


def face_quality(
    face: Face,
    crop: NDArray[np.float32],
    frame_hw: tuple[int, ...],
    *,
    pose: HeadPose | None = None,
) -> Quality:
    """Measure one face.

    Args:
        face: Its box and landmarks, pixels of the frame.
        crop: `(S, S)` float32, its aligned luma of 0 to 255.
        frame_hw: Height and width of the frame in pixels.
        pose: How a network reads the head's turn; None takes the landmarks' word for it.
    """
    left, top, right, bottom = (float(side) for side in face.box_xyxy)
    height, width = frame_hw[:2]
    area = max((right - left) * (bottom - top), 1e-6)
    inside_x = max(0.0, min(right, width) - max(left, 0.0))
    inside_y = max(0.0, min(bottom, height) - max(top, 0.0))
    right_eye, left_eye, nose = (point.astype(np.float64) for point in face.landmarks_xy[:3])
    across = left_eye - right_eye
    eye_distance = max(float(np.hypot(*across)), 1e-6)
    # Position of the nose along the line of the eyes: the middle if frontal, an eye if in profile.
    along = float((nose - (right_eye + left_eye) / 2) @ across) / eye_distance**2
    yaw, roll_deg = 2 * along, math.degrees(math.atan2(across[1], across[0]))
    if pose is not None:
        yaw, roll_deg = math.sin(math.radians(pose.yaw_deg)), pose.roll_deg
    return Quality(
        size_px=min(right - left, bottom - top),
        sharpness=sharpness(crop),
        brightness=float(crop.mean()) / 255,
        yaw_proxy=min(max(yaw, -1.0), 1.0),
        roll_deg=roll_deg,
        truncation=min(max(1 - inside_x * inside_y / area, 0.0), 1.0),
    )


def sharpness(crop: NDArray[np.float32]) -> float:
    """Return the mean absolute Laplacian of a crop over its standard deviation, 0 and up.

    Args:
        crop: `(S, S)`, luma of 0 to 255; a deviation below 1 counts as 1.
    """
    inner = crop[1:-1, 1:-1]
    around = crop[:-2, 1:-1] + crop[2:, 1:-1] + crop[1:-1, :-2] + crop[1:-1, 2:]
    laplacian = np.abs(around - 4 * inner).mean()
    return float(laplacian / max(float(crop.std()), 1.0))
