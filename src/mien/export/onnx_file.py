"""Export of torch networks to ONNX files that contain their spec and are compared with torch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from mien._output import whole_file
from mien.errors import ArtefactError
from mien.models.onnx_weights import read_onnx
from mien.runtime import onnxruntime
from mien.spec import Graph, ModelSpec

__all__ = [
    "MAX_DIFFERENCE",
    "export_network",
    "max_differences",
    "to_float16_weights",
    "write_spec",
]

MAX_DIFFERENCE = 1e-3
"""Largest allowed absolute difference between a float32 export and torch."""

_MIN_HALVED_WEIGHTS = 64
"""Tensors with fewer weights stay float32, since halving them saves nothing."""

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
        example: An input `(B, C, H, W)` float32, B of 2 or more, for tracing and comparison.
        spec: The spec to write into the file.
        path: The new file; it is written only if the outputs agree with torch.
        dynamic: Names of the input's dynamic axes by their number (`{0: "batch"}`).

    Returns:
        The largest absolute difference from torch by output name.

    Raises:
        ArtefactError: An output differs by more than `MAX_DIFFERENCE`, or is missing.
        OutputError: The file cannot be written.
    """
    import mien.models.compiler  # noqa: F401  # before torch's exporter, which is slow to import

    network = network.eval().float()
    dimensions = dict.fromkeys(dynamic, torch.export.Dim.DYNAMIC)
    names = [output.name for output in spec.outputs]
    with whole_file(path) as partial, warnings.catch_warnings():
        # torch's exporter warns of its own code, and that torchvision, which mien does not use, is
        # not installed.
        warnings.simplefilter("ignore", FutureWarning)
        logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
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
        _strip_debug_info(model)
        onnx.save_model(model, partial)
        write_spec(partial, spec)
        differences = max_differences(network, partial, example)
        for name, difference in differences.items():
            if not difference <= MAX_DIFFERENCE:  # NaN is refused too
                raise ArtefactError(
                    f"{path}: output '{name}' differs from torch by {difference:.2g}, more "
                    f"than {MAX_DIFFERENCE}; the file was not written"
                )
    return differences


def to_float16_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store a graph's float32 weights as float16, with nodes that cast them to float32 again."""
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _MIN_HALVED_WEIGHTS:
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
        ArtefactError: The file cannot be read.
        SpecError: The graph does not match the spec.
        OutputError: The file cannot be written.
    """
    model = read_onnx(path)
    weights = {each.name for each in model.graph.initializer}
    graph = Graph(
        inputs={each.name: _sides(each) for each in model.graph.input if each.name not in weights},
        outputs={each.name: _sides(each) for each in model.graph.output},
    )
    spec.check_graph(graph, str(path))
    entries = {entry.key: entry.value for entry in model.metadata_props}
    helper.set_model_props(model, entries | spec.to_metadata())
    with whole_file(path) as partial:
        onnx.save_model(model, partial)


def _sides(value: onnx.ValueInfoProto) -> tuple[int | str, ...]:
    return tuple(
        side.dim_value if side.HasField("dim_value") else side.dim_param
        for side in value.type.tensor_type.shape.dim
    )


def max_differences(network: nn.Module, path: Path, example: torch.Tensor) -> dict[str, float]:
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


def _strip_debug_info(model: onnx.ModelProto) -> None:
    """Remove inner shapes and the source lines of nodes, which inference does not need.

    Both together are a quarter of a small network's file.
    """
    model.graph.ClearField("value_info")
    for part in (model.graph, *model.graph.node):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
