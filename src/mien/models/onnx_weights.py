"""Loading of torch weights from exported model files, for fine-tuning and for distillation.

In an exported file each batch normalisation is folded into the convolution before it. To train such
a network further, the batch norms are restored and take their statistics from real inputs; without
them the first training steps would change the network's outputs.
"""

from __future__ import annotations

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
from mien._reading import parse_json
from mien.errors import ArtefactError
from mien.models.emotion import EmotionNet, FineTunedOptions

__all__ = ["load_onnx_network", "load_onnx_weights", "read_onnx"]

_Arrays = dict[str, NDArray[np.float32]]


def read_onnx(path: Path) -> onnx.ModelProto:
    """Read an ONNX file.

    Raises:
        ArtefactError: The file cannot be read; the message says why.
    """
    try:
        return onnx.load(path)
    except (OSError, ValueError, DecodeError, onnx.checker.ValidationError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ArtefactError(f"{path}: no ONNX file that can be read: {reason}") from error


def load_onnx_network(path: Path, provenance: Mapping[str, str]) -> EmotionNet:
    """Load an emotion network from its model file, for inference.

    Args:
        path: The ONNX file.
        provenance: The provenance in the file's spec.

    Raises:
        ArtefactError: The provenance does not name the network's options, or the weights do not
            match them.
    """
    if "network" not in provenance:
        raise ArtefactError(
            f"{path}: the spec does not say which network the file holds, as files of `mien train "
            "emotion` do. Give such a file, or the folder of a run"
        )
    try:
        options = decode(FineTunedOptions, parse_json(provenance["network"]))
    except ValueError as error:
        raise ArtefactError(
            f"{path}: the network has options that this version of mien does not know: {error}. "
            "Use the version that wrote the file"
        ) from error
    network = EmotionNet(options)
    load_onnx_weights(network, path)
    return network.eval()


@torch.no_grad()
def load_onnx_weights(network: nn.Module, path: Path, *, example: Tensor | None = None) -> None:
    """Load the weights of an exported file into a network with the same options.

    The network then has the same outputs as the file. A batch norm that was folded into the
    convolution before it takes the mean and variance of its inputs in `example`, and a scale and
    bias that cancel them: in training mode, with batches like `example`, the outputs are the same
    too.

    Args:
        network: A network of this package; its weights are overwritten, its mode stays.
        path: The ONNX file, with float32 or float16 weights.
        example: A training batch; None sets the statistics of folded batch norms to mean 0 and
            variance 1, which suffices for inference.

    Raises:
        ArtefactError: The file cannot be read, or its weights are those of another network.
    """
    graph = read_onnx(path).graph
    try:
        arrays = _arrays(graph)
    except (ValueError, TypeError, LookupError) as error:
        raise ArtefactError(
            f"{path}: not a file of `mien train`, its weights cannot be read: {error}"
        ) from error
    biases = _folded_biases(network, arrays)
    state = network.state_dict()
    matching = {name: value for name, value in arrays.items() if name in state}
    _check(network, matching, biases, path)
    for name, value in matching.items():
        state[name].copy_(torch.from_numpy(value))
    for norm, bias in biases.items():
        _set_norm(norm, bias, torch.zeros_like(bias), torch.ones_like(bias))
    if example is not None:
        _estimate_norms(network, biases, example)


def _arrays(graph: onnx.GraphProto) -> _Arrays:
    """Return the weights by name; float16 weights by the name of their float32 cast.

    Biases get the name of their layer: the exporter merges equal biases and drops zero biases.
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


def _folded_biases(network: nn.Module, arrays: _Arrays) -> dict[nn.BatchNorm2d, Tensor]:
    """Return the bias that each folded batch norm became in the convolution before it."""
    modules = dict(network.named_modules())
    biases = {}
    for name, module in modules.items():
        parent, _, place = name.rpartition(".")
        if not isinstance(module, nn.BatchNorm2d) or f"{name}.running_mean" in arrays:
            continue
        bias = arrays.get(f"{parent}.{int(place) - 1}.bias")
        if bias is not None and bias.shape == (module.num_features,):
            biases[module] = torch.from_numpy(bias)
    return biases


def _check(
    network: nn.Module, weights: _Arrays, biases: dict[nn.BatchNorm2d, Tensor], path: Path
) -> None:
    folded = {id(parameter) for norm in biases for parameter in norm.parameters()}
    for name, parameter in network.named_parameters():
        if id(parameter) in folded:
            continue
        found = tuple(weights[name].shape) if name in weights else "none"
        if found != tuple(parameter.shape):
            raise ArtefactError(
                f"{path}: weights of another network: {name} should be {tuple(parameter.shape)}, "
                f"the file has {found}. Give a recipe with the network that the file was made from"
            )


def _set_norm(norm: nn.BatchNorm2d, bias: Tensor, mean: Tensor, variance: Tensor) -> None:
    """Set a norm's statistics, and its scale and bias so that it only adds `bias`."""
    state = norm.state_dict()
    state["running_mean"].copy_(mean)
    state["running_var"].copy_(variance)
    state["weight"].copy_((variance + norm.eps).sqrt())
    state["bias"].copy_(bias + mean)


def _estimate_norms(
    network: nn.Module, biases: dict[nn.BatchNorm2d, Tensor], example: Tensor
) -> None:
    """Run a batch and set each folded norm to the statistics of its inputs."""

    def set_from_inputs(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3), correction=0)
        _set_norm(norm, biases[norm], mean, variance)

    hooks = [norm.register_forward_pre_hook(set_from_inputs) for norm in biases]
    training = network.training
    try:
        network.eval()(example)
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
