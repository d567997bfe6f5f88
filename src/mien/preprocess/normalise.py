"""From crops to the network's input."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import FrameError
from mien.spec import InputSpec

__all__ = ["network_input"]


def network_input(crops: NDArray[Any], spec: InputSpec) -> NDArray[np.float32]:
    """Turn grey crops into the input that a spec describes.

    Args:
        crops: `(B, H, W)`, luma of 0 to 255; B may be 0.
        spec: The network's input, `grey`, of the crops' size.

    Returns:
        `(B, 1, H, W)` float32, `(v - mean) / std`.

    Raises:
        FrameError: The crops have another shape than the spec's input, or are not finite.
    """
    expected = (spec.height, spec.width)
    if crops.ndim != 3 or spec.colour != "grey" or crops.shape[1:] != expected:
        raise FrameError(
            f"crops: {spec.name} takes (B, {expected[0]}, {expected[1]}) in {spec.colour}, "
            f"found {crops.shape} in grey"
        )
    if not np.isfinite(crops).all():
        raise FrameError("crops: expected luma of 0 to 255, found numbers that are not finite")
    values = (crops.astype(np.float32) - np.float32(spec.mean[0])) / np.float32(spec.std[0])
    return values[:, None]
