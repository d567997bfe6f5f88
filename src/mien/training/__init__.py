"""Training of the emotion network and the face detector from recipe files."""

import mien.models.compiler  # noqa: F401  # before Lightning, which all of these import
from mien.options import DeviceOptions
from mien.training.detector import DetectorRecipe, choose_score_threshold, train_detector
from mien.training.emotion import drop_non_faces, train_emotion
from mien.training.emotion_recipe import EmotionRecipe, ema_warnings
from mien.training.preview import show_augmentation
from mien.training.pseudo_labels import pseudo_label_images, read_unlabelled_images
from mien.training.recipe import read_recipe, recipe_document, recipe_text, shipped_recipes
from mien.training.run import METRICS_FILE, RECIPE_FILE, RUN

__all__ = [
    "METRICS_FILE",
    "RECIPE_FILE",
    "RUN",
    "DetectorRecipe",
    "DeviceOptions",
    "EmotionRecipe",
    "choose_score_threshold",
    "drop_non_faces",
    "ema_warnings",
    "pseudo_label_images",
    "read_recipe",
    "read_unlabelled_images",
    "recipe_document",
    "recipe_text",
    "shipped_recipes",
    "show_augmentation",
    "train_detector",
    "train_emotion",
]
