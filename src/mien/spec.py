"""`ModelSpec`: what a model expects and what its numbers mean, carried inside the model file.

The spec is one JSON document under the key `mien.spec` of an ONNX file's metadata. Whoever loads a
model reads it from there; nobody types a size, a label order or a threshold twice.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import typing
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from mien._decode import FieldError, all_demands, decode, demand, shown
from mien._reading import parse_json
from mien.emotions import LABEL_SETS, SIX, label_set, mapping_matrix
from mien.errors import SpecError

__all__ = [
    "LIMITS",
    "METADATA_KEY",
    "MIN_PROBABILITY",
    "POSE_OUTPUT",
    "SPEC_VERSION",
    "UNITS_OUTPUT",
    "BaselineSpec",
    "CropSpec",
    "DetectionSpec",
    "Graph",
    "InputSpec",
    "ModelSpec",
    "OutputSpec",
    "SixSpec",
    "centred_logs",
]

METADATA_KEY = "mien.spec"
"""The key of the ONNX metadata entry that holds the spec as JSON."""

UNITS_OUTPUT, POSE_OUTPUT = "units", "pose_deg"
"""The outputs of a network of units: coefficients of 0 to 1, and angles in degrees."""

SPEC_VERSION = 1
"""The one version that this release reads and writes."""

MIN_PROBABILITY = 1e-4
"""Smaller probabilities are raised to this one before their logarithm is taken."""

LIMITS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "side_px": (8, 4096),
        "multiple_of": (1, 256),
        "mean": (0, 255),
        "std": (0.001, 10_000),
        "temperature": (0.01, 100),
        "landmark": (-1, 2),
        "landmark_gap": (0.05, 3),
        "weight": (0, 1),
        "bias": (-100, 100),
        "centre": (-50, 50),
        "stride": (1, 256),
        "share": (0, 1),
        "score_threshold": (0.1, 1),
        "nms_iou": (0.1, 0.8),
        "max_face_px": (64, 4096),
    }
)
"""Lowest and highest value of each kind of number in a spec, both included.

No useful network is near them. Beyond them numbers overflow, divide by nothing, or ask for more
memory than there is. The page holds its models to the same.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """The network's one input, `(B, C, H, W)` float32.

    A pixel value v of 0 to 255 goes in as `(v - mean) / std`, one mean and deviation per channel.

    Attributes:
        name: The input's name in the ONNX graph.
        colour: Channel order; `grey` is ITU-R BT.601 luma.
        height: Fixed height in pixels, or None where any is taken.
        width: Fixed width in pixels, or None where any is taken.
        multiple_of: Height and width are padded to a multiple of this many pixels.
        mean: Subtracted per channel, on the 0 to 255 scale.
        std: Divided by per channel, on the 0 to 255 scale.
    """

    name: str
    colour: Literal["grey", "rgb", "bgr"]
    height: int | None
    width: int | None
    multiple_of: int = 1
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @all_demands()
    def __post_init__(self) -> None:
        _demand_name(self.name)
        channels = 1 if self.colour == "grey" else 3
        demand(len(self.mean) == channels, "mean", f"{channels} numbers", self.mean)
        demand(len(self.std) == channels, "std", f"{channels} numbers", self.std)
        _demand_inside("mean", self.mean, "mean")
        _demand_inside("std", self.std, "std")
        _demand_inside("multiple_of", self.multiple_of, "multiple_of")
        for field in ("height", "width"):
            side = getattr(self, field)
            if side is not None:
                _demand_inside(field, side, "side_px", "a size in pixels or null,")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OutputSpec:
    """One output of the network.

    Attributes:
        name: Its name in the ONNX graph.
        labels: The name of the label set that its channels stand for, one of `LABEL_SETS` or of
            the spec's own; or None.
        meaning: One line for people: what it is, shape and range.
        temperature: What logits are divided by before their softmax, so that the probabilities are
            right as often as they say (temperature scaling, Guo et al. 2017). The six-way output
            takes the logits as they are and has a temperature of its own.
    """

    name: str
    labels: str | None = None
    meaning: str = ""
    temperature: float = 1.0

    @all_demands()
    def __post_init__(self) -> None:
        _demand_name(self.name)
        _demand_inside("temperature", self.temperature, "temperature")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CropSpec:
    """The frame that a face is brought into before the network sees it.

    Attributes:
        size: Side of the square crop in pixels.
        landmarks_xy: Where the five landmarks come to lie, in units of the side from the crop's
            upper left corner: the person's right eye, left eye, nose, right and left mouth corner.
    """

    size: int
    landmarks_xy: tuple[tuple[float, float], ...]

    @all_demands()
    def __post_init__(self) -> None:
        _demand_inside("size", self.size, "side_px", "a size in pixels,")
        count = len(self.landmarks_xy)
        demand(count == 5, "landmarks_xy", "five points", f"{count} points")
        for point in self.landmarks_xy:
            _demand_inside("landmarks_xy", point, "landmark")
        if count != 5:
            return
        right_eye, left_eye, nose, right_mouth, left_mouth = self.landmarks_xy
        gap = LIMITS["landmark_gap"][0]
        sides = left_eye[0] - right_eye[0], left_mouth[0] - right_mouth[0]
        demand(
            min(sides) >= gap,
            "landmarks_xy",
            "the person's right eye and right mouth corner to the left of the others, by "
            f"{gap:g} or more: the crop is not mirrored",
            self.landmarks_xy,
        )
        eyes, mouth = (right_eye[1] + left_eye[1]) / 2, (right_mouth[1] + left_mouth[1]) / 2
        demand(
            eyes < nose[1] < mouth and mouth - eyes >= gap,
            "landmarks_xy",
            f"eyes above the nose and the nose above the mouth, by {gap:g} or more",
            self.landmarks_xy,
        )

    def zoomed(self, factor: float) -> CropSpec:
        """Return the crop in which faces are larger by a factor, about its centre."""
        places = (np.asarray(self.landmarks_xy) - 0.5) * factor + 0.5
        points = tuple((float(x), float(y)) for x, y in places.round(6))
        return dataclasses.replace(self, landmarks_xy=points)


def centred_logs(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the logarithms of probabilities less their mean, `(..., K)` as given."""
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), MIN_PROBABILITY))
    return typing.cast(NDArray[np.float64], logs - logs.mean(axis=-1, keepdims=True))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BaselineSpec:
    """What the network answers to an average face: what a person's baseline is measured from.

    With z the `centred_logs` of the six probabilities p of a face, its residual is::

        r = z - sum_k p_k centres[k]

    which is what it shows beside its expression. The mean of r over the faces of each label is 0,
    as `mien.metrics.fit_baseline` chooses the centres, so it says nothing of what is expressed.

    Attributes:
        centres: Six rows, one per label of `SIX`, of six centred log probabilities.
        neutral: The mean z of neutral faces, six centred log probabilities.
    """

    centres: tuple[tuple[float, ...], ...]
    neutral: tuple[float, ...]

    @all_demands()
    def __post_init__(self) -> None:
        count = len(SIX)
        square = len(self.centres) == count and all(len(row) == count for row in self.centres)
        demand(square, "centres", f"{count} rows of {count} numbers", self.centres)
        for row in self.centres:
            _demand_inside("centres", row, "centre")
        demand(len(self.neutral) == count, "neutral", f"{count} numbers", self.neutral)
        _demand_inside("neutral", self.neutral, "centre")

    def residual(self, probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return what a face shows beside its expression, `(..., 6)` for `(..., 6)`."""
        shares = np.asarray(probabilities, np.float64)
        beside = centred_logs(shares) - shares @ np.asarray(self.centres)
        return typing.cast(NDArray[np.float64], beside)

    def neutral_residual(self, probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return by how much a face that is known to be neutral differs from an average one."""
        beside = centred_logs(probabilities) - np.asarray(self.neutral)
        return typing.cast(NDArray[np.float64], beside)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SixSpec:
    """How the six probabilities that users see come out of the network's heads.

    With `p_h` the softmax of head h and `M_h` the map of its labels onto the six
    (`emotions.mapping_matrix`)::

        probabilities = softmax((sum_h weights[h] * log(p_h @ M_h) + bias) / temperature)

    The bias takes the class priors of the training labels into account (Saerens, Latinne and
    Decaestecker 2002: dividing a posterior by the prior under which it was learned); temperature
    scaling is Guo et al. 2017.

    Attributes:
        weights: One weight per head, by output name; they sum to 1.
        bias: Six additive terms in the order of the label set `six`.
        temperature: Above 1 makes the probabilities less sure, below 1 surer.
        unsure_below: A top probability under this counts as unsure, 0 to 1.
        baseline: What a person's baseline is measured from; None if that was not fitted, and
            then no baseline can be used.
    """

    weights: Mapping[str, float]
    bias: tuple[float, ...]
    temperature: float
    unsure_below: float
    baseline: BaselineSpec | None = None

    @all_demands()
    def __post_init__(self) -> None:
        _demand_inside("weights", tuple(self.weights.values()), "weight")
        total = sum(self.weights.values())
        demand(math.isclose(total, 1.0, abs_tol=1e-6), "weights", "a sum of 1", total)
        demand(len(self.bias) == len(SIX), "bias", f"{len(SIX)} numbers", self.bias)
        _demand_inside("bias", self.bias, "bias")
        _demand_inside("temperature", self.temperature, "temperature")
        _demand_inside("unsure_below", self.unsure_below, "share")

    def probabilities(
        self, head_logits: Mapping[str, NDArray[np.float32]], head_labels: Mapping[str, str]
    ) -> NDArray[np.float32]:
        """Combine the heads into the six probabilities.

        Args:
            head_logits: Logits per head, `(B, K_head)`; B may be 0.
            head_labels: The label set of each head, by output name.

        Returns:
            `(B, 6)` float32 in the order of `SIX`; each row sums to 1.
        """
        combined = np.asarray(self.bias, np.float64)[None, :]
        for name, weight in self.weights.items():
            logits = np.asarray(head_logits[name], np.float64)
            logits = logits - logits.max(axis=1, keepdims=True)
            mapped = np.exp(logits) @ mapping_matrix(label_set(head_labels[name]), SIX)
            mapped = mapped / mapped.sum(axis=1, keepdims=True).clip(min=1e-300)
            combined = combined + weight * np.log(mapped.clip(min=1e-300))  # (B, 6)
        scaled = combined / self.temperature
        scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return typing.cast(
            NDArray[np.float32], (scaled / scaled.sum(axis=1, keepdims=True)).astype(np.float32)
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DetectionSpec:
    """How a detector's outputs become faces.

    Attributes:
        strides: Pixels per grid cell of each level; in the layout `yunet` (Wu et al. 2023) level s
            has the outputs `cls_s`, `obj_s`, `bbox_s` and `kps_s`.
        score_threshold: Detections below this score are dropped unless another is asked for. Near 0
            every cell would be a face.
        nms_iou: Of two boxes that overlap by more than this, the better one stays. Near 1 a face
            would be found many times.
        layout: How the outputs are laid out, by the name that `mien.detect` has a decoder for.
        max_face_px: The largest face that the network sees, in pixels of its input: its shorter
            side. In an input that may show larger ones the frame is searched once more at a small
            scale (`mien.detect.tiling`).
    """

    strides: tuple[int, ...]
    score_threshold: float
    nms_iou: float
    layout: str = "yunet"
    max_face_px: int = 256

    @all_demands()
    def __post_init__(self) -> None:
        demand(len(self.strides) > 0, "strides", "at least one stride", self.strides)
        different = len(set(self.strides)) == len(self.strides)
        demand(different, "strides", "different strides", self.strides)
        _demand_inside("strides", self.strides, "stride")
        for field in ("score_threshold", "nms_iou", "max_face_px"):
            _demand_inside(field, getattr(self, field), field)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Everything that a model file says about itself.

    Attributes:
        task: What the network does; `emotion` needs `crop` and `six`, `detection` needs
            `detection`, `units` needs `crop` and the outputs `units` and `pose_deg` with labels.
        name: The model's name, for example `mien-emotion`.
        input: The network's input.
        outputs: The network's outputs.
        crop: The face's frame, networks of emotions and of units only.
        six: The six-way output, emotion networks only.
        detection: The decoder's settings, detectors only.
        label_sets: Label sets of the model's own, by name: labels in the order of the channels.
        provenance: Free facts: data and split with their hashes, recipe, teacher, licence.
        figures: Measured numbers by name; the name says data, split and protocol.
        spec_version: The version of this document.
    """

    task: Literal["emotion", "detection", "units"]
    name: str
    input: InputSpec
    outputs: tuple[OutputSpec, ...]
    crop: CropSpec | None = None
    six: SixSpec | None = None
    detection: DetectionSpec | None = None
    label_sets: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    provenance: Mapping[str, str] = dataclasses.field(default_factory=dict)
    figures: Mapping[str, float] = dataclasses.field(default_factory=dict)
    spec_version: int = SPEC_VERSION

    @all_demands()
    def __post_init__(self) -> None:
        version = self.spec_version
        demand(version == SPEC_VERSION, "spec_version", str(SPEC_VERSION), version)
        names = [output.name for output in self.outputs]
        demand(len(set(names)) == len(names), "outputs", "different names", names)
        self._check_labels()
        demand(bool(names), "outputs", "at least one output", names)
        demand(bool(self.name.strip()), "name", "a name", self.name)
        if self.task == "detection":
            demand(self.detection is not None, "detection", "the decoder's settings", None)
            if self.detection is not None:
                self._check_detection(self.detection)
            return
        demand(self.crop is not None, "crop", "the face's frame", None)
        if self.crop is not None:
            self._check_crop(self.crop)
        if self.task == "units":
            for name in (UNITS_OUTPUT, POSE_OUTPUT):
                demand(name in self.head_labels, "outputs", f"{name!r} with labels", names)
            return
        demand(self.six is not None, "six", "the six-way output", None)
        if self.six is not None:
            for head in self.six.weights:
                heads = [name for name, labels in self.head_labels.items() if labels in LABEL_SETS]
                known = head in heads
                expected = f"heads with labels ({', '.join(heads) or 'none'})"
                demand(known, "six.weights", expected, head)

    def _check_labels(self) -> None:
        for name, labels in self.label_sets.items():
            field = f"label_sets.{name}"
            demand(name not in LABEL_SETS, field, "a name of the model's own", name)
            demand(len(labels) > 1, field, "two labels or more", labels)
            demand(len(set(labels)) == len(labels), field, "different labels", labels)
        known = (*LABEL_SETS, *self.label_sets)
        for place, output in enumerate(self.outputs):
            demand(
                output.labels is None or output.labels in known,
                f"outputs[{place}].labels",
                f"one of {', '.join(known)} or null",
                output.labels,
            )

    def labels_of(self, output: str) -> tuple[str, ...]:
        """Return what the channels of an output with labels stand for, in their order."""
        name = self.head_labels[output]
        return tuple(self.label_sets[name]) if name in self.label_sets else label_set(name).labels

    def _check_detection(self, detection: DetectionSpec) -> None:
        """Check what a detector's input has to be: an image of any size in colour."""
        grey = self.input.colour == "grey"
        demand(not grey, "input.colour", "rgb or bgr for a detector", self.input.colour)
        for field in ("height", "width"):
            side = getattr(self.input, field)
            expected = "null: a detector takes images of any size"
            demand(side is None, f"input.{field}", expected, side)
        left_out = _left_out_strides(detection, (output.name for output in self.outputs))
        demand(
            not left_out,
            "detection.strides",
            f"all strides that outputs have, {_listed(left_out)} too",
            detection.strides,
        )
        demand(
            not any(stride > 0 and self.input.multiple_of % stride for stride in detection.strides),
            "input.multiple_of",
            f"a multiple of the strides {', '.join(map(str, detection.strides))}",
            self.input.multiple_of,
        )

    def _check_crop(self, crop: CropSpec) -> None:
        """Check that the network's input is the crop."""
        grey = self.input.colour == "grey"
        demand(grey, "input.colour", "grey for a network of crops", self.input.colour)
        for field in ("height", "width"):
            side = getattr(self.input, field)
            demand(side == crop.size, f"input.{field}", f"{crop.size}, as crop.size says", side)
        multiple = self.input.multiple_of
        fits = multiple < 1 or crop.size % multiple == 0
        demand(fits, "input.multiple_of", f"a divisor of crop.size, {crop.size}", multiple)

    @property
    def head_labels(self) -> dict[str, str]:
        """The label set of each output that has one, by output name."""
        return {output.name: output.labels for output in self.outputs if output.labels is not None}

    def to_metadata(self) -> dict[str, str]:
        """Return the spec as the entries that an ONNX file's metadata gets."""
        return {METADATA_KEY: json.dumps(dataclasses.asdict(self), sort_keys=True)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str], source: str) -> Self:
        """Read the spec from an ONNX file's metadata.

        Args:
            metadata: The file's metadata entries.
            source: What the file is called in error messages.

        Raises:
            SpecError: There is no spec, it is no JSON, its version is unknown, or a field is
                missing, unknown or wrong; the message names the field.
        """
        text = metadata.get(METADATA_KEY)
        if text is None:
            raise SpecError(
                f"{source}: not a mien model, its metadata has no '{METADATA_KEY}'. "
                "Export it with: mien export"
            )
        try:
            document = parse_json(text)
        except ValueError as error:
            raise SpecError(f"{source}: '{METADATA_KEY}' {error}") from error
        found = document.get("spec_version") if isinstance(document, dict) else None
        if found != SPEC_VERSION:
            raise SpecError(
                f"{source}: field 'spec_version': this release reads {SPEC_VERSION}, the file has "
                f"{shown(found)}. Export the model again, or install the release that wrote it"
            )
        try:
            return decode(cls, document)
        except FieldError as error:
            raise SpecError(f"{source}: {error}") from error

    def check_graph(self, graph: Graph, source: str) -> None:
        """Hold the spec's input, outputs and labels against those of the graph.

        Args:
            graph: The graph's inputs and outputs; only sides that are whole numbers are compared.
            source: What the file is called in error messages.

        Raises:
            SpecError: The graph has another input, an output is missing, the second side of one is
                not its number of labels, or a detector's strides leave out a level.
        """
        found = ", ".join(graph.inputs) or "none"
        if list(graph.inputs) != [self.input.name]:
            raise SpecError(
                f"{source}: field 'input.name': expected the graph's one input, found "
                f"{self.input.name!r}; the graph has {found}"
            )
        channels = 1 if self.input.colour == "grey" else 3
        wanted = (None, channels, self.input.height, self.input.width)
        shape = graph.inputs[self.input.name]
        if not _fits(shape, wanted):
            raise SpecError(
                f"{source}: field 'input': expected a graph that takes {_written(wanted)}, "
                f"found {_written(shape)}"
            )
        if self.detection is not None:
            left_out = _left_out_strides(self.detection, graph.outputs)
            if left_out:
                raise SpecError(
                    f"{source}: field 'detection.strides': expected all strides that the graph's "
                    f"outputs have, {_listed(left_out)} too, found {self.detection.strides}"
                )
        for output in self.outputs:
            if output.name not in graph.outputs:
                raise SpecError(
                    f"{source}: field 'outputs': the graph has no output {output.name!r}, "
                    f"it has {', '.join(graph.outputs)}"
                )
            shape = graph.outputs[output.name]
            if output.labels is None or len(shape) < 2 or not isinstance(shape[1], int):
                continue
            expected = len(self.labels_of(output.name))
            if shape[1] != expected:
                raise SpecError(
                    f"{source}: field 'outputs.{output.name}.labels': {output.labels} has "
                    f"{expected} labels, the graph's output has {shape[1]} channels"
                )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The inputs and outputs of an ONNX graph, each with its shape.

    A side that varies is a name or None.
    """

    inputs: Mapping[str, tuple[object, ...]]
    outputs: Mapping[str, tuple[object, ...]]


def _left_out_strides(detection: DetectionSpec, outputs: Iterable[str]) -> list[int]:
    """Return the strides of outputs that a detector's strides leave out: faces of other sizes."""
    if detection.layout != "yunet":
        return []
    found = (re.fullmatch(r"(?:cls|obj|bbox|kps)_(\d{1,4})", name) for name in outputs)
    return sorted({int(each[1]) for each in found if each}.difference(detection.strides))


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _demand_name(name: str) -> None:
    demand(bool(name.strip()), "name", "the name of the graph's", name)


def _demand_inside(
    field: str, values: float | tuple[float, ...], limit: str, kind: str = ""
) -> None:
    """Demand that one number, or each of several, lies within its limits; NaN does not."""
    low, high = LIMITS[limit]
    single = not isinstance(values, tuple)
    each = (values,) if isinstance(values, int | float) else values
    kind = kind or ("a number" if single else "numbers")
    inside = all(low <= value <= high for value in each)
    demand(inside, field, f"{kind} from {low:g} to {high:g}", values)


def _fits(shape: tuple[object, ...], wanted: tuple[int | None, ...]) -> bool:
    """Return whether a graph's shape can be what is wanted; None takes only a side that varies."""
    return len(shape) == len(wanted) and all(
        not isinstance(side, int) or side == expected
        for side, expected in zip(shape, wanted, strict=True)
    )


def _written(shape: tuple[object, ...]) -> str:
    sides = (str(side) if isinstance(side, int) else "any" for side in shape)
    return f"({', '.join(sides)})"
