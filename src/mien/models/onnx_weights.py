"""Weights back out of a model file, so that a training can begin with them or learn from them.

An exported file has each batch normalisation folded into the convolution before it. A network that
is to be trained further needs it unfolded, and with statistics of real inputs: else its first steps
would change what it answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from mien._decode import decode
from mien.errors import ArtefactError
from mien.models.emotion import EmotionNet, TrunkOptions

__all__ = ["restore_weights", "restored_network"]

_Arrays = dict[str, NDArray[np.float32]]


def restored_network(path: Path, provenance: Mapping[str, str]) -> EmotionNet:
    """Read an emotion network back from its model file, to answer, not to be trained.

    Args:
        path: The ONNX file.
        provenance: What the file's spec says of where it comes from.

    Raises:
        ArtefactError: The file does not say of which shape its network is, or holds the weights of
            another.
    """
    if "network" not in provenance:
        raise ArtefactError(
            f"{path}: does not say of which shape its network is, as files of `mien train emotion` "
            "do. Give such a file, or the folder of a run"
        )
    try:
        options = decode(TrunkOptions, json.loads(provenance["network"]))
    except ValueError as error:
        raise ArtefactError(
            f"{path}: says of its network what this version of mien does not know: {error}. Read "
            "it with the version that wrote it"
        ) from error
    network = EmotionNet(options)
    restore_weights(network, path)
    return network.eval()


@torch.no_grad()
def restore_weights(network: nn.Module, path: Path, *, example: Tensor | None = None) -> None:
    """Give a network the weights of a file that was exported from one of the same shape.

    The network then answers as the file does. Where the file has no norm, because it was folded
    into the convolution before it, the network's norm takes the mean and variance that its inputs
    have in `example`, and a scale and a shift that undo them: in training, with batches like
    `example`, the network answers alike.

    Args:
        network: A network of this package; its weights are overwritten, its mode stays.
        path: The ONNX file, with float32 or float16 weights.
        example: A batch as the network gets it in training; without it norms assume mean 0 and
            variance 1, which is enough for a network that only answers.

    Raises:
        ArtefactError: There is no such file, or its weights are those of another network.
    """
    try:
        graph = onnx.load(path).graph
    except (OSError, DecodeError) as error:
        raise ArtefactError(f"{path}: no ONNX file that can be read: {error}") from error
    arrays = _arrays(graph)
    shifts = _folded_shifts(network, arrays)
    state = network.state_dict()
    known = {name: value for name, value in arrays.items() if name in state}
    _check(network, known, shifts, path)
    for name, value in known.items():
        state[name].copy_(torch.from_numpy(value))
    for norm, shift in shifts.items():
        _undo(norm, shift, torch.zeros_like(shift), torch.ones_like(shift))
    if example is not None:
        _measure(network, shifts, example)


def _arrays(graph: onnx.GraphProto) -> _Arrays:
    """Return the weights by name: those in half precision by the name that they are cast to.

    Biases go by the layer's name: the exporter gives equal ones one name, and drops zeros.
    """
    arrays = {
        item.name: numpy_helper.to_array(item).astype(np.float32) for item in graph.initializer
    }
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in arrays:
            arrays[node.output[0]] = arrays[node.input[0]]
    for node in graph.node:
        if node.op_type in {"Conv", "Gemm"} and node.input[1].endswith(".weight"):
            name = node.input[1].removesuffix(".weight") + ".bias"
            zeros = np.zeros(len(arrays[node.input[1]]), np.float32)
            arrays[name] = arrays[node.input[2]] if len(node.input) > 2 else zeros
    return arrays


def _folded_shifts(network: nn.Module, arrays: _Arrays) -> dict[nn.BatchNorm2d, Tensor]:
    """Find the norms that became the bias of the convolution before them in their sequence."""
    modules = dict(network.named_modules())
    shifts = {}
    for name, module in modules.items():
        parent, _, place = name.rpartition(".")
        if not isinstance(module, nn.BatchNorm2d) or f"{name}.running_mean" in arrays:
            continue
        bias = arrays.get(f"{parent}.{int(place) - 1}.bias")
        if bias is not None and bias.shape == (module.num_features,):
            shifts[module] = torch.from_numpy(bias)
    return shifts


def _check(
    network: nn.Module, known: _Arrays, shifts: dict[nn.BatchNorm2d, Tensor], path: Path
) -> None:
    folded = {id(parameter) for norm in shifts for parameter in norm.parameters()}
    for name, parameter in network.named_parameters():
        if id(parameter) in folded:
            continue
        found = tuple(known[name].shape) if name in known else "none"
        if found != tuple(parameter.shape):
            raise ArtefactError(
                f"{path}: weights of another network: {name} should be {tuple(parameter.shape)}, "
                f"the file has {found}. Give a recipe with the network that the file was made from"
            )


def _undo(norm: nn.BatchNorm2d, shift: Tensor, mean: Tensor, variance: Tensor) -> None:
    """Let a norm with these statistics add nothing but a shift."""
    state = norm.state_dict()
    state["running_mean"].copy_(mean)
    state["running_var"].copy_(variance)
    state["weight"].copy_((variance + norm.eps).sqrt())
    state["bias"].copy_(shift + mean)


def _measure(network: nn.Module, shifts: dict[nn.BatchNorm2d, Tensor], example: Tensor) -> None:
    """Run a batch; each norm is set by its inputs before it sees them."""

    def set_by(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        _undo(norm, shifts[norm], mean, variance)

    hooks = [norm.register_forward_pre_hook(set_by) for norm in shifts]
    training = network.training
    try:
        network.eval()(example)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
