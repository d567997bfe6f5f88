"""Training from recipe files: the emotion network and the face detector."""

from mien.training.detector import DetectorRecipe, choose_score_threshold, train_detector
from mien.training.devices import DeviceOptions
from mien.training.emotion import train_emotion, with_faces
from mien.training.emotion_recipe import EmotionRecipe, unfilled_average
from mien.training.preview import show_augmentation
from mien.training.pseudo_labels import label_photos
from mien.training.recipe import read_recipe, recipe_document, recipe_text, shipped_recipes
from mien.training.run import CURVE, RECIPE, RUN

__all__ = [
    "CURVE",
    "RECIPE",
    "RUN",
    "DetectorRecipe",
    "DeviceOptions",
    "EmotionRecipe",
    "choose_score_threshold",
    "label_photos",
    "read_recipe",
    "recipe_document",
    "recipe_text",
    "shipped_recipes",
    "show_augmentation",
    "train_detector",
    "train_emotion",
    "unfilled_average",
    "with_faces",
]
