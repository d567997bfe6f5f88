"""Trained weights in checkpoints, run folders and model files, and their hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mien import _hashing
from mien.errors import RecipeError
from mien.inference import EmotionModel
from mien.models.emotion import EmotionNet
from mien.models.onnx_weights import load_onnx_network
from mien.training.emotion_recipe import EmotionRecipe
from mien.training.recipe import read_recipe
from mien.training.run import (
    RECIPE_FILE,
    completed_epochs,
    is_finished,
    last_checkpoint,
    selected_checkpoint,
)

__all__ = [
    "file_sha256",
    "load_checkpoint_weights",
    "load_teacher",
    "read_checkpoint",
    "weights_sha256",
]


_REQUIRED_KEYS = frozenset({"state_dict", "loops", "callbacks"})
"""Keys of a checkpoint for its weights, its completed epochs, and an early stop."""


def file_sha256(path: Path) -> str:
    """Return the hash of the file of a start or a teacher.

    Raises:
        RecipeError: The file cannot be read.
    """
    try:
        return _hashing.file_sha256(path)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}") from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of a training without running code from it.

    Raises:
        RecipeError: The file is not such a checkpoint.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file that is no checkpoint can raise anything
        reason = str(error).partition("\n")[0]
        raise RecipeError(f"{path}: no checkpoint of a training: {reason}") from error
    missing = _REQUIRED_KEYS.difference(saved if isinstance(saved, dict) else ())
    if missing:
        raise RecipeError(f"{path}: no checkpoint of a training: no {', '.join(sorted(missing))}")
    try:
        is_finished(saved, epochs=1, patience=1)
        weights = all(isinstance(value, Tensor) for value in saved["state_dict"].values())
        if not (weights and all(isinstance(name, str) for name in saved["state_dict"])):
            raise TypeError("its weights are no tensors")
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise RecipeError(f"{path}: no checkpoint of a training: damaged ({error})") from error
    return dict(saved)


def load_checkpoint_weights(network: nn.Module, path: Path) -> None:
    """Load the averaged weights of a checkpoint into a network.

    Raises:
        RecipeError: The file is not a checkpoint, or is one of another network.
    """
    prefix = "network."
    state = {
        name.removeprefix(prefix): value
        for name, value in read_checkpoint(path)["state_dict"].items()
        if name.startswith(prefix)
    }
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, NotImplementedError) as error:
        raise RecipeError(
            f"{path}: weights of another network. Give a recipe with the network of that training"
        ) from error


def load_teacher(path: Path) -> EmotionNet:
    """Load a trained network as a teacher for distillation.

    Args:
        path: The folder of a finished run, or a model file.

    Raises:
        ArtefactError: The file is not an emotion model, or its spec does not name the network.
        RecipeError: The folder holds no run, or one that is not finished.
    """
    if not path.is_dir():
        return load_onnx_network(path, EmotionModel(path).spec.provenance)
    recipe = read_recipe(EmotionRecipe, path / RECIPE_FILE)
    checkpoint = read_checkpoint(last_checkpoint(path))
    if not is_finished(checkpoint, epochs=recipe.epochs, patience=recipe.patience):
        raise RecipeError(
            f"{path}: has trained {completed_epochs(checkpoint)} of {recipe.epochs} epochs. Finish "
            "it with resume=True before you use it as a teacher"
        )
    network = EmotionNet(recipe.network)
    load_checkpoint_weights(network, selected_checkpoint(path, patience=recipe.patience))
    return network


def weights_sha256(network: nn.Module) -> str:
    """Return the hash of a network's parameters and buffers."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(_bytes(value))
    return digest.hexdigest()


def _bytes(value: Tensor) -> bytes:
    return value.detach().cpu().contiguous().numpy().tobytes()
