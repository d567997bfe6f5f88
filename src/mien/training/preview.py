"""Examples of a recipe's augmentation: images after each of its steps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from mien.training.augment import augmentation_steps
from mien.training.emotion_recipe import EmotionRecipe

__all__ = ["show_augmentation"]

Steps = list[tuple[str, NDArray[np.uint8]]]


def show_augmentation(recipe: EmotionRecipe) -> Callable[[NDArray[np.uint8]], Steps]:
    """Return a function that applies a recipe's augmentation step by step.

    Args:
        recipe: The recipe; its seed decides the random numbers.

    Returns:
        A function from images `(N, 48, 48)` uint8 to the names of the steps, each with the images
        after it and all earlier ones; mixup, if the recipe has it, is the last.
    """

    def show(images: NDArray[np.uint8]) -> Steps:
        generator = torch.Generator().manual_seed(recipe.seed)
        faces = torch.from_numpy(images).unsqueeze(1).float()
        shown = []
        for name, step in augmentation_steps(recipe.augmentation, generator):
            faces = step(faces)
            shown.append((name, _images(faces)))
        if recipe.mixup:
            beta = np.random.default_rng(recipe.seed).beta(recipe.mixup, recipe.mixup)
            share = max(beta, 1 - beta)
            mixed = share * faces + (1 - share) * faces.flip(0)
            shown.append(("mix with another", _images(mixed)))
        return shown

    return show


def _images(faces: torch.Tensor) -> NDArray[np.uint8]:
    images: NDArray[np.uint8] = faces[:, 0].round().clamp(0, 255).byte().numpy()
    return images
