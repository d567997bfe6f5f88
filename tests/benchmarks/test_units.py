"""The benchmark of expression units finds what a network is known to read."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from mien.inference import UnitAnswers
from mien.units import POSE_FIELDS, UNITS

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "units.py"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location("units_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "units_benchmark", module)
    spec.loader.exec_module(module)
    return module


def test_columns_are_the_coefficients_and_then_the_angles(benchmark):
    values = np.arange(len(UNITS) + 3, dtype=np.float32)
    answers = UnitAnswers(
        units={name: values[[place]] for place, name in enumerate(UNITS)},
        pose={name: values[[len(UNITS) + place]] for place, name in enumerate(POSE_FIELDS)},
    )
    np.testing.assert_array_equal(benchmark.table_of(answers), values[None])
    smile = [UNITS.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    assert benchmark.both_sides(answers.units, "mouthSmile") == np.mean(smile)
    assert benchmark.both_sides(answers.units, "jawOpen") == UNITS.index("jawOpen")


def test_sides_of_the_jaw_and_mouth_are_no_halves_of_one_coefficient(benchmark):
    names = {benchmark._unsided(name) for name in UNITS}
    assert {"jawLeft", "mouthRight", "mouthSmile", "jawOpen"} <= names
    assert "mouth" not in names
    assert set(benchmark.RENDERED.values()) <= names


def test_a_rise_is_that_of_the_mean_head_from_0_to_1(benchmark, monkeypatch):
    monkeypatch.setattr(benchmark, "HEADS", 2)
    assert benchmark._rise(np.array([0.1, 0.5, 0.4, 0.2, 0.1, 0.6])) == pytest.approx(0.35)


def test_a_reduced_image_loses_what_is_finer_than_its_pixels(benchmark):
    stripes = np.tile(np.array([0, 255], np.uint8), (1, 48, 24))
    assert stripes.std() > 100
    assert benchmark.reduced(stripes, 24).std() < 5
