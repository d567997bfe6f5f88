"""Training of the networks of emotions, faces and expression units from recipe files."""

from mien.errors import MissingExtraError

try:
    import mien.models.compiler  # noqa: F401  # before Lightning, which all of these import
    from mien.options import DeviceOptions
    from mien.training.detector import choose_score_threshold, train_detector
    from mien.training.detector_recipe import DetectorRecipe
    from mien.training.emotion import drop_non_faces, train_emotion
    from mien.training.emotion_recipe import EmotionRecipe, ema_warnings
    from mien.training.preview import show_augmentation
    from mien.training.pseudo_labels import (
        LARGEST_VIEW_PX,
        pseudo_label_images,
        read_unlabelled_images,
    )
    from mien.training.recipe import read_recipe, recipe_document, recipe_text, shipped_recipes
    from mien.training.run import METRICS_FILE, RECIPE_FILE, RUN
    from mien.training.unit_labels import UnitLabels, label_units
    from mien.training.unit_recipe import UnitRecipe
    from mien.training.units import common_units, faces_to_read, train_units, unit_examples
except ModuleNotFoundError as error:
    raise MissingExtraError("training", "train") from error

__all__ = [
    "LARGEST_VIEW_PX",
    "METRICS_FILE",
    "RECIPE_FILE",
    "RUN",
    "DetectorRecipe",
    "DeviceOptions",
    "EmotionRecipe",
    "UnitLabels",
    "UnitRecipe",
    "choose_score_threshold",
    "common_units",
    "drop_non_faces",
    "ema_warnings",
    "faces_to_read",
    "label_units",
    "pseudo_label_images",
    "read_recipe",
    "read_unlabelled_images",
    "recipe_document",
    "recipe_text",
    "shipped_recipes",
    "show_augmentation",
    "train_detector",
    "train_emotion",
    "train_units",
    "unit_examples",
]
