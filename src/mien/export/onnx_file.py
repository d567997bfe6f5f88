"""From a torch network to one ONNX file that says what it is, with the difference measured."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from mien.errors import ArtefactError
from mien.runtime import onnxruntime
from mien.spec import ModelSpec

__all__ = [
    "LARGEST_DIFFERENCE",
    "export_network",
    "half_weights",
    "largest_differences",
    "write_spec",
]

LARGEST_DIFFERENCE = 1e-3
"""A float32 export whose outputs differ from torch by more than this is refused."""

_SMALLEST_HALVED = 64
"""Fewer weights than this stay float32: there is nothing to gain."""

OPSET = 18
"""The ONNX operator set, which onnxruntime knows since 1.14 and onnxruntime-web since 1.14."""


def export_network(
    network: nn.Module,
    example: torch.Tensor,
    *,
    spec: ModelSpec,
    path: Path,
    dynamic: Mapping[int, str],
) -> dict[str, float]:
    """Write a network with its spec as one ONNX file.

    Args:
        network: The network; its `forward` takes one tensor and returns the spec's outputs in
            their order.
        example: An input `(B, C, H, W)` float32, B of 2 or more, also used for the comparison.
        spec: What the file will say about itself.
        path: Where the file goes; it appears there only if the comparison holds.
        dynamic: The input's sides that may vary, by axis with a name (`{0: "batch"}`).

    Returns:
        The largest absolute difference from torch by output name.

    Raises:
        ArtefactError: An output differs by more than `LARGEST_DIFFERENCE`, or is missing.
    """
    import mien.models.compiler  # noqa: F401  # before torch's exporter, which is slow to import

    network = network.eval().float()
    dimensions = dict.fromkeys(dynamic, torch.export.Dim.DYNAMIC)
    names = [output.name for output in spec.outputs]
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        whole = Path(folder) / path.name
        program = torch.onnx.export(
            network,
            (example,),
            input_names=[spec.input.name],
            output_names=names,
            dynamic_shapes=(dimensions,),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        if program is None:
            raise ArtefactError(f"{path}: torch's exporter returned no program")
        model = program.model_proto
        _name_dimensions(model, dynamic)
        _without_traces(model)
        onnx.save_model(model, whole)
        write_spec(whole, spec)
        differences = largest_differences(network, whole, example)
        for name, difference in differences.items():
            if not difference <= LARGEST_DIFFERENCE:  # also where it is no number
                raise ArtefactError(
                    f"{path}: output '{name}' differs from torch by {difference:.2g}, more "
                    f"than {LARGEST_DIFFERENCE}; the file was not written"
                )
        whole.replace(path)
    return differences


def half_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store a graph's float32 weights as float16; they are cast back when the file is opened."""
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _SMALLEST_HALVED:
            continue
        name, stored = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    return model


def write_spec(path: Path, spec: ModelSpec) -> None:
    """Write or replace the spec in an ONNX file's metadata.

    Raises:
        SpecError: The graph's outputs do not fit the spec.
    """
    model = onnx.load(path)
    shapes = {
        output.name: tuple(
            side.dim_value if side.HasField("dim_value") else side.dim_param
            for side in output.type.tensor_type.shape.dim
        )
        for output in model.graph.output
    }
    spec.check_outputs(shapes, str(path))
    entries = {entry.key: entry.value for entry in model.metadata_props}
    helper.set_model_props(model, entries | spec.to_metadata())
    partial = path.with_name(path.name + ".partial")
    onnx.save_model(model, partial)
    partial.replace(path)


def largest_differences(network: nn.Module, path: Path, example: torch.Tensor) -> dict[str, float]:
    """Return the largest absolute difference between torch and onnxruntime by output name."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    found: Sequence[NDArray[np.float32]] = session.run(
        names, {session.get_inputs()[0].name: example.numpy()}
    )
    with torch.no_grad():
        expected = network(example)
    outputs = [expected] if isinstance(expected, torch.Tensor) else list(expected)
    return {
        name: float(np.abs(array - tensor.numpy()).max())
        for name, array, tensor in zip(names, found, outputs, strict=True)
    }


def _name_dimensions(model: onnx.ModelProto, dynamic: Mapping[int, str]) -> None:
    for axis, name in dynamic.items():
        side = model.graph.input[0].type.tensor_type.shape.dim[axis]
        if not side.HasField("dim_value"):
            side.dim_param = name


def _without_traces(model: onnx.ModelProto) -> None:
    """Drop what running needs not: inner shapes, and the Python lines that nodes came from.

    Both together are a quarter of a small network's file.
    """
    model.graph.ClearField("value_info")
    for part in (model.graph, *model.graph.node):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
