"""Recipes of the detector: how its training images are composed, and how it is trained."""

from __future__ import annotations

import dataclasses
from typing import Literal

from mien._checking import check_options
from mien._decode import all_demands, demand
from mien.models.detector import DetectorOptions

__all__ = ["DetectorAugmentation", "DetectorRecipe"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DetectorAugmentation:
    """How training images are composed; sizes are in pixels of the training image.

    Attributes:
        image_px: Side of a training image, a multiple of 32.
        min_face_px: Smallest side to which faces are scaled; sizes are drawn uniformly in the
            logarithm.
        max_face_px: Largest side to which faces are scaled.
        mosaic: Share of training images composed of four images.
        large_mosaic: Share of training images composed of sixteen images.
        rotation_deg: Largest rotation in either direction.
        grey: Share of training images without colour.
        dark: Share of training images in low light.
        blur: Share of training images out of focus.
        noise: Share of training images with sensor noise.
        jpeg: Share of training images with strong compression.
        occlusion: Share of faces that are partly covered.
        clutter: Share of images that are replaced by a drawn scene of letters and shapes, and of
            training images over which these are drawn. The teacher sees them.
        negatives: Share of images that are replaced by one without a face, if some are given.
        surroundings: Share of images that are placed by any spot instead of by a face.
        cutouts: Share of training images into which faces cut out of other images are pasted,
            among them rows of one size. The teacher sees them.
        backlight: Share of training images with strong light from one side.
        pasted_faces: Share of training images into which small faces of a dataset are pasted, if
            one is given. The teacher sees them.
    """

    image_px: int = 320
    min_face_px: float = 10.0
    max_face_px: float = 260.0
    mosaic: float = 0.35
    large_mosaic: float = 0.12
    rotation_deg: float = 30.0
    grey: float = 0.15
    dark: float = 0.12
    blur: float = 0.15
    noise: float = 0.2
    jpeg: float = 0.2
    occlusion: float = 0.25
    clutter: float = 0.12
    negatives: float = 0.0
    surroundings: float = 0.0
    cutouts: float = 0.0
    backlight: float = 0.0
    pasted_faces: float = 0.0

    @all_demands()
    def __post_init__(self) -> None:
        check_options(self)
        inside = self.image_px % 32 == 0 and 32 <= self.image_px <= 2048
        demand(inside, "image_px", "a multiple of 32 from 32 to 2048", self.image_px)
        faces = (self.min_face_px, self.max_face_px)
        ordered = 1 <= faces[0] < faces[1] <= 4096
        demand(ordered, "min_face_px and max_face_px", "1 to 4096, the smaller one first", faces)
        turned = 0 <= self.rotation_deg <= 180
        demand(turned, "rotation_deg", "0 to 180", self.rotation_deg)
        for name in (
            "mosaic", "large_mosaic", "grey", "dark", "blur", "noise", "jpeg", "occlusion",
            "clutter", "negatives", "surroundings", "cutouts", "backlight", "pasted_faces",
        ):  # fmt: skip
            demand(0 <= getattr(self, name) <= 1, name, "0 to 1", getattr(self, name))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DetectorRecipe:
    """Everything that decides a training; the keys of a recipe file.

    Attributes:
        network: Size of the network.
        augmentation: How training images are composed.
        steps: Optimiser steps.
        validate_every: Steps between validations, at most `steps`; each one writes a checkpoint.
        batch_size: Images per step.
        large_images: Share of steps with images of twice the side, and a quarter as many, for faces
            that are larger than the others can show.
        learning_rate: Peak of the schedule: linear warm-up, then half a cosine to zero.
        warmup_steps: Length of the warm-up.
        weight_decay: Weight decay of AdamW.
        ema_decay: Decay per step of the averaged weights, which are validated and exported.
        box_weight: Weight of the box loss; the losses of the scores have weight 1.
        landmark_weight: Weight of the landmark loss.
        seed: Seed of weights and training images.
        precision: Lightning's precision; `bf16-mixed` is faster on CPUs with bf16.
    """

    network: DetectorOptions = dataclasses.field(default_factory=DetectorOptions)
    augmentation: DetectorAugmentation = dataclasses.field(default_factory=DetectorAugmentation)
    steps: int = 6000
    validate_every: int = 500
    batch_size: int = 24
    large_images: float = 0.0
    learning_rate: float = 0.002
    warmup_steps: int = 300
    weight_decay: float = 0.01
    ema_decay: float = 0.998
    box_weight: float = 3.0
    landmark_weight: float = 5.0
    seed: int = 1
    precision: Literal["32-true", "bf16-mixed"] = "32-true"

    @all_demands()
    def __post_init__(self) -> None:
        check_options(self)
        demand(0 < self.steps <= 10**8, "steps", "1 to 100000000", self.steps)
        often = 0 < self.validate_every <= self.steps
        demand(often, "validate_every", f"1 to the {self.steps} steps", self.validate_every)
        demand(1 < self.batch_size <= 65_536, "batch_size", "2 to 65536", self.batch_size)
        demand(0 <= self.large_images <= 1, "large_images", "0 to 1", self.large_images)
        demand(self.learning_rate > 0, "learning_rate", "a number above 0", self.learning_rate)
        demand(0 <= self.ema_decay < 1, "ema_decay", "0 to below 1", self.ema_decay)
        demand(0 <= self.seed < 2**32, "seed", "0 to below 2**32", self.seed)
        for name in ("warmup_steps", "weight_decay", "box_weight", "landmark_weight"):
            demand(getattr(self, name) >= 0, name, "0 or more", getattr(self, name))
