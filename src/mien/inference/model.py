"""An emotion network in onnxruntime, with the spec that gives the meaning of its outputs."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._checking import check_path
from mien.errors import SpecError
from mien.preprocess import network_input
from mien.runtime import open_session
from mien.spec import BaselineSpec, CropSpec, ModelSpec, SixSpec

__all__ = ["Classification", "EmotionModel"]

SHIPPED = Path(__file__).parent.parent / "assets" / "emotion.onnx"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Classification:
    """The network's answers to B crops.

    Attributes:
        probabilities: `(B, 6)` float32 in the order of `SIX`; each row sums to 1.
        heads: The calibrated probabilities of each head with labels, `(B, K)` by output name.
        outputs: Every raw output of the network, `(B, ...)` by name.
    """

    probabilities: NDArray[np.float32]
    heads: Mapping[str, NDArray[np.float64]]
    outputs: Mapping[str, NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.probabilities)

    def __getitem__(self, rows: slice) -> Classification:
        return Classification(
            probabilities=self.probabilities[rows],
            heads={name: values[rows] for name, values in self.heads.items()},
            outputs={name: values[rows] for name, values in self.outputs.items()},
        )


class EmotionModel:
    """An emotion network that is ready to run.

    Args:
        path: An ONNX file that contains its spec; None takes the shipped network.
        threads: Threads of one run.
        device: The device that runs it: `cpu`, `cuda`, `directml`, `coreml`, or the name of one of
            onnxruntime's execution providers.

    Attributes:
        path: The file.
        spec: Its inputs, and the meaning of its outputs.
        crop: How faces are cropped for it.

    Raises:
        ArtefactError: The file is missing, is not an ONNX file, or gives numbers that are not
            finite.
        DeviceError: The device is not available.
        SpecError: The file has no valid spec, or is not an emotion network; the message names the
            field.
    """

    def __init__(
        self, path: str | Path | None = None, *, threads: int = 1, device: str = "cpu"
    ) -> None:
        self.path = check_path("path", path) if path is not None else SHIPPED
        self._threads, self._device = threads, device
        self._session, spec = open_session(self.path, threads=threads, device=device)
        if spec is None:
            spec = ModelSpec.from_metadata({}, str(self.path))
        if spec.crop is None or spec.six is None:
            raise SpecError(f"{self.path}: field 'task': expected 'emotion', found '{spec.task}'")
        self.spec = spec
        self.crop: CropSpec = spec.crop
        self._six: SixSpec = spec.six
        self._try()

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle how it is loaded: another process, or machine, opens its own file."""
        load = functools.partial(EmotionModel, threads=self._threads, device=self._device)
        return load, (None if self.path == SHIPPED else self.path,)

    def __repr__(self) -> str:
        return f"EmotionModel({self.spec.name!r}, {str(self.path)!r})"

    def _try(self) -> None:
        """Run the network once, on two grey crops, so that what is wrong shows here."""
        outputs = self.run(np.full((2, self.crop.size, self.crop.size), 127.5, np.float32))
        for output in self.spec.outputs:
            value = outputs[output.name]
            named = output.name in self.spec.head_labels
            labels = len(self.spec.labels_of(output.name)) if named else None
            plain = output.name in self._six.weights
            right = (
                value.ndim >= 2
                and len(value) == 2
                and (labels is None or value.shape[1] == labels)
                and (not plain or value.ndim == 2)
            )
            if not right:
                sides = "K" if labels is None else labels
                raise SpecError(
                    f"{self.path}: output {output.name!r}: expected (B, {sides}"
                    f"{'' if plain else ', ...'}), found {value.shape} for 2 faces"
                )

    def run(self, crops: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """Run the network.

        Args:
            crops: `(B, S, S)`, luma of 0 to 255, cropped by `crop`; B may be 0.

        Returns:
            The spec's outputs by name, B along the first axis of each.

        Raises:
            ArtefactError: The network cannot be run, or gives numbers that are not finite.
            FrameError: The crops have another shape, or are not finite.
        """
        names = [output.name for output in self.spec.outputs]
        batch = network_input(crops, self.spec.input)
        values = self._session.run(names, {self.spec.input.name: batch})
        return dict(zip(names, values, strict=True))

    def classify(self, crops: NDArray[Any]) -> Classification:
        """Run the network and convert its outputs to probabilities.

        Args:
            crops: `(B, S, S)`, luma of 0 to 255, cropped by `crop`; B may be 0.
        """
        outputs = self.run(crops)
        return Classification(
            probabilities=self.combine(outputs),
            heads=self.head_probabilities(outputs),
            outputs=outputs,
        )

    def probabilities(self, crops: NDArray[Any]) -> NDArray[np.float32]:
        """Return the six probabilities of each crop, `(B, 6)` in the order of `SIX`."""
        return self.combine(self.run(crops))

    def combine(self, outputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Convert outputs of `run` to the six probabilities, `(B, 6)`."""
        return self._six.probabilities(outputs, self.spec.head_labels)

    def head_probabilities(
        self, outputs: Mapping[str, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float64]]:
        """Return the calibrated probabilities of each head, `(B, K)` by the output's name."""
        heads = {}
        for head in self.spec.outputs:
            if head.labels is not None and outputs[head.name].ndim == 2:
                logits = outputs[head.name].astype(np.float64) / head.temperature
                powers = np.exp(logits - logits.max(axis=1, keepdims=True))
                heads[head.name] = powers / powers.sum(axis=1, keepdims=True)
        return heads

    @property
    def baseline(self) -> BaselineSpec:
        """What a person's baseline is measured from.

        Raises:
            SpecError: The file does not have it.
        """
        if self._six.baseline is None:
            raise SpecError(
                f"{self.path}: field 'six.baseline': expected what a person's baseline is measured "
                "from, found none. Leave out the baseline, or write it with: mien calibrate"
            )
        return self._six.baseline

    @property
    def unsure_below(self) -> float:
        """The confidence below which a prediction is unsure, 0 to 1."""
        return self._six.unsure_below
