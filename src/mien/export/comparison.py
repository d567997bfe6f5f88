"""Comparison of model files with the network that they were made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mien.data import Dataset
from mien.errors import ArtefactError, InputError
from mien.inference import EmotionModel
from mien.preprocess import network_input

__all__ = [
    "MAX_FLIPPED",
    "ExportComparison",
    "compare_outputs",
    "compare_with_torch",
    "compared_images",
]

MAX_FLIPPED = 0.003
"""A file whose label differs from the network's for a larger share of the images is refused."""

SIX = "six"
"""The name of the six-way output among the network's own."""

Run = Callable[[NDArray[np.uint8]], dict[str, NDArray[np.float32]]]
"""Returns the outputs by name for crops `(B, 48, 48)`."""

_BATCH = 256

_COMPARED = 500
"""Images of the comparison of another runtime's file."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExportComparison:
    """How much a model file differs from the network that it was made of.

    Attributes:
        images: Number of compared images.
        max_difference: Largest absolute difference of any value, by output; for `six` that of a
            probability.
        flipped: Share of images whose predicted label differs, 0 to 1, by output that has labels.
    """

    images: int
    max_difference: Mapping[str, float]
    flipped: Mapping[str, float]

    def figures(self, where: str) -> dict[str, float]:
        """Return the comparison as figures of a spec; `where` names data, subset and precision."""
        prefix = f"{where} against torch"
        differences = self.max_difference.items()
        return {f"{prefix}: largest difference, {name}": value for name, value in differences} | {
            f"{prefix}: flipped, {name}": value for name, value in self.flipped.items()
        }

    def check(self, name: str) -> None:
        """Check the differences against their limits.

        Args:
            name: What was compared, for the message.

        Raises:
            ArtefactError: More than `MAX_FLIPPED` of the labels differ, or a value is not finite.
        """
        for output, difference in self.max_difference.items():
            if not np.isfinite(difference):
                raise ArtefactError(f"{name}: output '{output}' is not finite for some images")
        for output, share in self.flipped.items():
            if share > MAX_FLIPPED:
                raise ArtefactError(
                    f"{name}: '{output}' gives another label for {share:.2%} of "
                    f"{self.images:,} images, more than {MAX_FLIPPED:.1%}; the file was not written"
                )


def compared_images(data: Dataset) -> NDArray[np.uint8]:
    """Return the images on which a file of another runtime is compared with ONNX.

    Returns:
        `(N, 48, 48)` uint8, at most 500, spread evenly over the validation subset.

    Raises:
        InputError: The validation subset is empty.
    """
    images = data.subset("val").images
    if not len(images):
        raise InputError(f"{data.source}: no image in val to compare on")
    spread = np.linspace(0, len(images) - 1, min(_COMPARED, len(images))).astype(int)
    chosen: NDArray[np.uint8] = images[spread]
    return chosen


def compare_with_torch(
    network: nn.Module, model: EmotionModel, images: NDArray[np.uint8]
) -> ExportComparison:
    """Compare every output of a model file, and the six-way probabilities, with torch.

    Args:
        network: The float32 network; its outputs have the order of the spec's outputs.
        model: The model file.
        images: `(N, 48, 48)` uint8, at least one.
    """
    network.eval()
    names = [output.name for output in model.spec.outputs]

    @torch.no_grad()
    def run(batch: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        outputs = network(torch.from_numpy(network_input(batch, model.spec.input)))
        return {name: value.numpy() for name, value in zip(names, outputs, strict=True)}

    return compare_outputs(model, run, model.run, images)


def compare_outputs(
    model: EmotionModel, reference: Run, candidate: Run, images: NDArray[np.uint8]
) -> ExportComparison:
    """Compare every output of two networks, and the six-way probabilities.

    Args:
        model: The model file whose spec both have.
        reference: Runs the network that is right.
        candidate: Runs the network that was made of it.
        images: `(N, 48, 48)` uint8, at least one.
    """
    names = [output.name for output in model.spec.outputs]
    differences = dict.fromkeys([SIX, *names], 0.0)
    flipped: dict[str, int] = {}
    for start in range(0, len(images), _BATCH):
        batch = images[start : start + _BATCH]
        expected, found = reference(batch), candidate(batch)
        expected[SIX], found[SIX] = model.combine(expected), model.combine(found)
        for name in differences:
            difference = np.abs(expected[name] - found[name]).max()
            differences[name] = float(np.maximum(differences[name], difference))  # keeps NaN
            if name == SIX or (name in model.spec.head_labels and found[name].ndim == 2):
                differs = expected[name].argmax(axis=1) != found[name].argmax(axis=1)
                flipped[name] = flipped.get(name, 0) + int(differs.sum())
    return ExportComparison(
        images=len(images),
        max_difference=differences,
        flipped={name: count / len(images) for name, count in flipped.items()},
    )
