"""Batch augmentation in torch, on whatever device the batch is.

Every step takes `(B, 1, H, W)` float images of 0 to 255 and a generator, and returns images of
the same shape and range; each image draws its own values, but for the size of the low resolution,
which a batch shares. A crop in use differs from a FER image in light, resolution, pose and
alignment, so these are what the steps vary.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mien._checking import check_options
from mien._decode import all_demands, demand

__all__ = ["AugmentationOptions", "augment", "augment_unmirrored", "augmentation_steps"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationOptions:
    """Strengths; a zero switches a step off.

    Attributes:
        rotation_deg: Largest turn to either side.
        scale: Largest change of size, as a share.
        shift: Largest shift along each side, in units of the side.
        shear: Largest shear, as a slope.
        brightness: Largest added luma, in units of the full range.
        contrast: Largest change of contrast, as a share.
        gamma: Largest exponent e of the curve v^(2^e) to either side.
        shading: Largest difference of light from one border to the other, in units of the range.
        low_resolution: Share of images that lose detail by shrinking to 35-100 % and back.
        noise: Largest standard deviation of added noise, in units of the full range.
        erasing: Share of images that lose a rectangle.
    """

    rotation_deg: float = 15.0
    scale: float = 0.15
    shift: float = 0.08
    shear: float = 0.10
    brightness: float = 0.15
    contrast: float = 0.35
    gamma: float = 0.5
    shading: float = 0.25
    low_resolution: float = 0.25
    noise: float = 0.04
    erasing: float = 0.25

    @all_demands()
    def __post_init__(self) -> None:
        check_options(self)
        inside = 0 <= self.rotation_deg <= 180
        demand(inside, "rotation_deg", "0 to 180", self.rotation_deg)
        demand(0 <= self.scale < 1, "scale", "0 to below 1", self.scale)
        for name in (
            "shift",
            "brightness",
            "contrast",
            "shading",
            "low_resolution",
            "noise",
            "erasing",
        ):
            value = getattr(self, name)
            demand(0 <= value <= 1, name, "0 to 1", value)
        for name in ("shear", "gamma"):
            value = getattr(self, name)
            demand(value >= 0, name, "0 or more", value)


Step = Callable[[Tensor], Tensor]


def augmentation_steps(
    options: AugmentationOptions, generator: Generator
) -> Iterator[tuple[str, Step]]:
    """Yield the steps with their names in the order in which they are applied."""
    yield "flip", lambda faces: _flip(faces, generator)
    yield "rotate, scale, shift, shear", lambda faces: _affine(faces, options, generator)[0]
    yield "low resolution", lambda faces: _low_resolution(faces, options, generator)
    yield "light", lambda faces: _light(faces, options, generator)
    yield "noise", lambda faces: _noise(faces, options, generator)
    yield "erase", lambda faces: _erase(faces, options, generator)


def augment(faces: Tensor, options: AugmentationOptions, generator: Generator) -> Tensor:
    """Apply all steps.

    Args:
        faces: `(B, 1, H, W)` float, 0 to 255.
        options: How strong the steps are.
        generator: The random generator, on the device of `faces`; the same state gives the same
            images.

    Returns:
        `(B, 1, H, W)` float, 0 to 255.
    """
    # In bfloat16, as autocast would have it, the places that are sampled are off by a tenth of a
    # pixel.
    with torch.autocast(faces.device.type, enabled=False):
        for _, step in augmentation_steps(options, generator):
            faces = step(faces)
    return faces


def augment_unmirrored(
    faces: Tensor, options: AugmentationOptions, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Apply all steps but the flip, and say by how much each image was rotated.

    Args:
        faces: As in `augment`, like the other two.
        options: How strong the steps are.
        generator: The random generator.

    Returns:
        `(B, 1, H, W)` float, 0 to 255, and `(B,)` degrees, clockwise.
    """
    with torch.autocast(faces.device.type, enabled=False):
        faces, clockwise_deg = _affine(faces, options, generator)
        for step in (_low_resolution, _light, _noise, _erase):
            faces = step(faces, options, generator)
    return faces, clockwise_deg


def _uniform(faces: Tensor, generator: Generator, limit: float = 1.0) -> Tensor:
    """Draw one number from -limit to limit per image, `(B,)`."""
    drawn = torch.rand(len(faces), generator=generator, device=faces.device, dtype=faces.dtype)
    return (drawn * 2 - 1) * limit


def _chosen(faces: Tensor, generator: Generator, share: float) -> Tensor:
    """Choose images at random, a mask `(B, 1, 1, 1)`."""
    drawn = torch.rand(len(faces), generator=generator, device=faces.device)
    return (drawn < share)[:, None, None, None]


def _flip(faces: Tensor, generator: Generator) -> Tensor:
    return torch.where(_chosen(faces, generator, 0.5), faces.flip(3), faces)


def _affine(
    faces: Tensor, options: AugmentationOptions, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Rotate, scale, shift and shear; return the images and `(B,)` degrees, clockwise."""
    angle = _uniform(faces, generator, math.radians(options.rotation_deg))
    zoom = 1 + _uniform(faces, generator, options.scale)
    shear = _uniform(faces, generator, options.shear)
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    # grid_sample's coordinates run from -1 to 1: a shift of one side is 2.
    shift_x = 2 * _uniform(faces, generator, options.shift)
    shift_y = 2 * _uniform(faces, generator, options.shift)
    rows = (torch.stack((cos, shear - sin, shift_x), 1), torch.stack((sin, cos, shift_y), 1))
    matrix = torch.stack(rows, 1)  # (B, 2, 3)
    grid = functional.affine_grid(matrix, list(faces.shape), align_corners=False)
    warped = functional.grid_sample(faces, grid, padding_mode="border", align_corners=False)
    # The grid says where the output looks: turned clockwise, it sees the image turned back.
    return warped, -angle.rad2deg()


def _low_resolution(faces: Tensor, options: AugmentationOptions, generator: Generator) -> Tensor:
    if not options.low_resolution:
        return faces
    # One size per batch: a resize of many images costs little, one per image would not.
    share = 0.35 + 0.65 * float(torch.rand((), generator=generator, device=faces.device))
    # A size, not a factor: torch would scale by the factor, but round the size down.
    small_hw = [round(share * side) for side in faces.shape[2:]]
    chosen = _chosen(faces, generator, options.low_resolution).flatten()
    if not chosen.any():
        return faces
    sharp = faces[chosen]
    small = functional.interpolate(sharp, size=small_hw, mode="bilinear", antialias=True)
    blurred = faces.clone()
    blurred[chosen] = functional.interpolate(small, size=faces.shape[2:], mode="bilinear")
    return blurred


def _light(faces: Tensor, options: AugmentationOptions, generator: Generator) -> Tensor:
    def per_image(limit: float) -> Tensor:
        return _uniform(faces, generator, limit)[:, None, None, None]

    height, width = faces.shape[2:]
    across = torch.linspace(-0.5, 0.5, width, device=faces.device)
    down = torch.linspace(-0.5, 0.5, height, device=faces.device)[:, None]
    mean = faces.mean(dim=(2, 3), keepdim=True)
    lit = (faces - mean) * (1 + per_image(options.contrast)) + mean
    lit = lit + 255 * per_image(options.brightness)
    lit = lit + 255 * (per_image(options.shading) * across + per_image(options.shading) * down)
    unit = (lit / 255).clamp(0, 1)
    return 255 * unit.clamp(min=1e-4) ** (2 ** per_image(options.gamma))


def _noise(faces: Tensor, options: AugmentationOptions, generator: Generator) -> Tensor:
    spread = _uniform(faces, generator, options.noise).abs()[:, None, None, None]
    drawn = torch.randn(faces.shape, generator=generator, device=faces.device, dtype=faces.dtype)
    return (faces + 255 * spread * drawn).clamp(0, 255)


def _erase(faces: Tensor, options: AugmentationOptions, generator: Generator) -> Tensor:
    height, width = faces.shape[2:]
    middle_x = _uniform(faces, generator, 0.5)[:, None, None, None] + 0.5
    middle_y = _uniform(faces, generator, 0.5)[:, None, None, None] + 0.5
    half_x = 0.05 + 0.15 * _uniform(faces, generator).abs()[:, None, None, None]
    half_y = 0.05 + 0.15 * _uniform(faces, generator).abs()[:, None, None, None]
    across = (torch.arange(width, device=faces.device) + 0.5) / width
    down = ((torch.arange(height, device=faces.device) + 0.5) / height)[:, None]
    inside = ((across - middle_x).abs() < half_x) & ((down - middle_y).abs() < half_y)
    grey = 127.5 * (1 + _uniform(faces, generator))[:, None, None, None]
    chosen = _chosen(faces, generator, options.erasing)
    return torch.where(inside & chosen, grey, faces)
