"""The tables of recipes, made in Python, name values that cannot be as those of files do."""

from __future__ import annotations

import math

import pytest

from mien.errors import OptionsError
from mien.models.baseline import BaselineOptions
from mien.models.detector import DetectorOptions
from mien.models.emotion import FineTunedOptions, TrunkOptions
from mien.models.units import UnitOptions
from mien.training import DetectorRecipe, EmotionRecipe, UnitRecipe
from mien.training.augment import AugmentationOptions
from mien.training.distillation import DistillationOptions


@pytest.mark.parametrize(
    ("kind", "name", "value", "expected"),
    [
        (EmotionRecipe, "epochs", "5", "int, found str"),
        (EmotionRecipe, "optimiser", "x", "sgd or adamw, found 'x'"),
        (EmotionRecipe, "warmup_epochs", math.inf, "a finite number, found inf"),
        (DetectorRecipe, "network", {}, "DetectorOptions, found dict"),
        (UnitRecipe, "seed", 1.5, "int, found 1.5"),
        (AugmentationOptions, "shear", "5", "a finite number, found str"),
        (TrunkOptions, "dropout", math.nan, "a finite number, found nan"),
        (TrunkOptions, "widths", "64", "tuple of int, found '64'"),
        (DetectorOptions, "stem", (16,), "tuple of int, int, found (16,)"),
        (UnitOptions, "trunk", None, "TrunkOptions, found NoneType"),
    ],
)
def test_a_value_of_another_type_is_named(kind, name, value, expected):
    with pytest.raises(OptionsError, match=f"^{name}: expected ") as caught:
        kind(**{name: value})
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (FineTunedOptions, {"own_classes": 10**18}, "'own_classes': expected 0 to 1000"),
        (FineTunedOptions, {"adapter_width": 10**18}, "'adapter_width': expected 0 to 2048"),
        (BaselineOptions, {"filters": (1, 1, 1, 1, 1, 10**18)}, "expected numbers from 1 to 2048"),
        (BaselineOptions, {"dropout": 1.5}, "'dropout': expected 0 to below 1"),
        (DistillationOptions, {"teachers": ("",)}, "at least one path, and none that is empty"),
        (
            DistillationOptions,
            {"teachers": ("a",), "temperature": 1e300},
            "'temperature': expected above 0, at most 100",
        ),
    ],
)
def test_a_value_out_of_its_range_is_named(kind, values, expected):
    with pytest.raises(ValueError, match=expected):
        kind(**values)
