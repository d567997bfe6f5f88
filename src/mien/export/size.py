"""Parameters and multiply-adds of a network, counted in its model file."""

from __future__ import annotations

import math
from pathlib import Path

import onnx
from onnx import TensorProto

from mien.errors import ArtefactError
from mien.models.onnx_weights import read_onnx

__all__ = ["multiply_adds", "parameter_count"]


def multiply_adds(path: Path) -> int:
    """Count the multiply-adds of all convolutions and linear layers for one image.

    Args:
        path: An ONNX file whose input has a fixed size apart from the batch.

    Raises:
        ArtefactError: The size of a layer depends on the size of the input.
    """
    model = read_onnx(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    graph = onnx.shape_inference.infer_shapes(model).graph
    shapes = {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.output)
    }
    shapes |= {item.name: list(item.dims) for item in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type not in {"Conv", "Gemm"}:
            continue
        weight, output = shapes.get(node.input[1]), shapes.get(node.output[0])
        if not weight or not output or 0 in (*weight, *output):
            raise ArtefactError(
                f"{path}: expected an input of a fixed height and width, but the size of "
                f"'{node.output[0]}' is unknown. Give a file in which only the batch is dynamic"
            )
        total += math.prod(weight) * math.prod(output[2:])
    return total


def parameter_count(path: Path) -> int:
    """Count the float32 and float16 parameters of a file, including batch norm statistics."""
    kinds = {TensorProto.FLOAT, TensorProto.FLOAT16}
    weights = (item for item in read_onnx(path).graph.initializer if item.data_type in kinds)
    return sum(math.prod(item.dims) for item in weights if item.dims)
