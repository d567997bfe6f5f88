"""Model files held against their network in torch, float32, on the whole subset val."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mien.errors import ArtefactError
from mien.inference import EmotionModel
from mien.preprocess import network_input

__all__ = ["MOST_FLIPPED", "Comparison", "against_torch"]

MOST_FLIPPED = 0.003
"""A file that gives another label than torch for a larger share of the images is refused."""

SIX = "six"
"""The name of the six-way output among the network's own."""

_BATCH = 256


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a model file compares with torch.

    Attributes:
        images: How many were compared.
        largest_difference: By output, of any of its numbers; of `six`, of a probability.
        flipped: By output that gives a label, the share of images whose label is another.
    """

    images: int
    largest_difference: Mapping[str, float]
    flipped: Mapping[str, float]

    def figures(self, where: str) -> dict[str, float]:
        """Return it as figures of a spec; `where` says data, subset and precision."""
        begins = f"{where} against torch"
        differences = self.largest_difference.items()
        return {f"{begins}: largest difference, {name}": value for name, value in differences} | {
            f"{begins}: flipped, {name}": value for name, value in self.flipped.items()
        }

    def check(self, name: str) -> None:
        """Hold it to `MOST_FLIPPED`.

        Raises:
            ArtefactError: More labels are others, or a number is none; `name` says of what.
        """
        for output, difference in self.largest_difference.items():
            if not np.isfinite(difference):
                raise ArtefactError(f"{name}: output '{output}' is no number for some images")
        for output, share in self.flipped.items():
            if share > MOST_FLIPPED:
                raise ArtefactError(
                    f"{name}: '{output}' gives another label for {share:.2%} of "
                    f"{self.images:,} images, more than {MOST_FLIPPED:.1%}; it was not written"
                )


@torch.no_grad()
def against_torch(network: nn.Module, model: EmotionModel, images: NDArray[np.uint8]) -> Comparison:
    """Compare every output of a model file with torch, and the six-way output that users see.

    Args:
        network: The network in float32; its outputs have the spec's names and order.
        model: The file.
        images: `(N, 48, 48)` uint8, at least one.
    """
    network.eval()
    names = [output.name for output in model.spec.outputs]
    largest = dict.fromkeys([SIX, *names], 0.0)
    flipped: dict[str, int] = {}
    for start in range(0, len(images), _BATCH):
        part = images[start : start + _BATCH]
        answers = network(torch.from_numpy(network_input(part, model.spec.input)))
        expected = {name: value.numpy() for name, value in zip(names, answers, strict=True)}
        found = model.run(part)
        expected[SIX], found[SIX] = model.combine(expected), model.combine(found)
        for name in largest:
            difference = np.abs(expected[name] - found[name]).max()
            largest[name] = float(np.maximum(largest[name], difference))  # keeps what is no number
            if name == SIX or (name in model.spec.head_labels and found[name].ndim == 2):
                others = expected[name].argmax(axis=1) != found[name].argmax(axis=1)
                flipped[name] = flipped.get(name, 0) + int(others.sum())
    return Comparison(
        images=len(images),
        largest_difference=largest,
        flipped={name: count / len(images) for name, count in flipped.items()},
    )
