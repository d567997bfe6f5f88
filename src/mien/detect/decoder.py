"""From a detector network's outputs to faces, by the layout that its spec names.

A network with outputs of another layout needs a function like `decode_yunet` and a line in
`LAYOUTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.detect.yunet import decode_yunet
from mien.errors import SpecError
from mien.spec import DetectionSpec
from mien.structures import Faces

__all__ = ["LAYOUTS", "Decoder", "find_decoder"]


class Decoder(Protocol):
    """Turns one image's outputs into faces."""

    def __call__(
        self,
        outputs: Mapping[str, NDArray[np.float32]],
        *,
        input_hw: tuple[int, int],
        strides: tuple[int, ...],
        score_threshold: float,
        nms_iou: float,
    ) -> Faces:
        """Decode the outputs of one image.

        Args:
            outputs: The network's outputs by name, without the batch's axis.
            input_hw: Height and width of the network's input in pixels.
            strides: Of the spec.
            score_threshold: Detections below it are left out, 0 to 1.
            nms_iou: Of two boxes that overlap by more than this the better one stays.

        Returns:
            Faces in pixels of the network's input, best first.

        Raises:
            FieldError: An output is missing or has another shape; the message names it.
        """
        ...


LAYOUTS: Mapping[str, Decoder] = MappingProxyType({"yunet": decode_yunet})
"""The decoders by the layout's name in `DetectionSpec.layout`."""


def find_decoder(spec: DetectionSpec, source: str) -> Decoder:
    """Return the decoder of a spec's layout.

    Args:
        spec: The detector's.
        source: What the file is called in messages.

    Raises:
        SpecError: No such layout is known; the message names those that are.
    """
    try:
        return LAYOUTS[spec.layout]
    except KeyError:
        raise SpecError(
            f"{source}: field 'detection.layout': expected one of {', '.join(LAYOUTS)}, found "
            f"{spec.layout!r}. A newer release of mien may know it"
        ) from None
