"""Trained weights: read from checkpoints, run folders and model files, told apart by their hash."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mien.errors import RecipeError
from mien.inference import EmotionModel
from mien.models.emotion import EmotionNet
from mien.models.onnx_weights import load_onnx_network
from mien.training.emotion_recipe import EmotionRecipe
from mien.training.recipe import read_recipe
from mien.training.run import RECIPE, epochs_done, has_ended, kept_checkpoint, newest_checkpoint

__all__ = ["file_sha256", "give_weights", "read_checkpoint", "teacher", "weights_sha256"]


_PARTS = frozenset({"state_dict", "loops", "callbacks"})
"""What is needed of a checkpoint: weights, how far the training is, and whether it had stopped."""


def file_sha256(path: Path) -> str:
    """Return the hash of a file that a training begins with or learns from.

    Raises:
        RecipeError: It cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read to begin with: {error.strerror}") from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of a training; nothing in it is run.

    Raises:
        RecipeError: There is no such checkpoint.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what is no checkpoint breaks the reader in any way
        reason = str(error).partition("\n")[0]
        raise RecipeError(f"{path}: no checkpoint of a training: {reason}") from error
    lacks = _PARTS.difference(saved if isinstance(saved, dict) else ())
    if lacks:
        raise RecipeError(f"{path}: no checkpoint of a training: no {', '.join(sorted(lacks))}")
    return dict(saved)


def give_weights(network: nn.Module, path: Path) -> None:
    """Give a network the averaged weights of a checkpoint.

    Raises:
        RecipeError: There is no such checkpoint, or it is one of another network.
    """
    prefix = "network."
    state = {
        name.removeprefix(prefix): value
        for name, value in read_checkpoint(path)["state_dict"].items()
        if name.startswith(prefix)
    }
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise RecipeError(
            f"{path}: weights of another network. Give a recipe with the network that it was "
            "trained with"
        ) from error


def teacher(path: Path) -> EmotionNet:
    """Read a network that others shall learn from.

    Args:
        path: The folder of a run that has ended, or a model file.

    Raises:
        ArtefactError: The file is no emotion model, or does not say of which shape it is.
        RecipeError: The folder holds no run, or one that has not ended.
    """
    if not path.is_dir():
        return load_onnx_network(path, EmotionModel(path).spec.provenance)
    recipe = read_recipe(EmotionRecipe, path / RECIPE)
    newest = read_checkpoint(newest_checkpoint(path))
    if not has_ended(newest, epochs=recipe.epochs, patience=recipe.patience):
        raise RecipeError(
            f"{path}: has trained {epochs_done(newest)} of {recipe.epochs} epochs. Finish it with "
            "--resume before others learn from it"
        )
    network = EmotionNet(recipe.network)
    give_weights(network, kept_checkpoint(path, patience=recipe.patience))
    return network


def weights_sha256(network: nn.Module) -> str:
    """Return a hash of a network's weights and statistics."""
    seen = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        seen.update(name.encode())
        seen.update(_bytes(value))
    return seen.hexdigest()


def _bytes(value: Tensor) -> bytes:
    return value.detach().cpu().contiguous().numpy().tobytes()
