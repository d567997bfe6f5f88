import dataclasses

import numpy as np
import pytest

from mien.errors import InputError
from mien.evaluation import relate_units
from mien.evaluation.units import _related
from mien.inference import EmotionModel, UnitModel
from mien.units import UNITS
from tests.networks import units_file


def test_a_unit_speaks_for_what_it_goes_along_with():
    smile = np.linspace(0, 1, 100)
    log_odds = np.stack([8 * smile, -8 * smile, *np.zeros((4, 100))], axis=1)
    still = np.full(100, 0.5)
    found = _related({"mouthSmile": smile, "jawOpen": still}, log_odds)
    assert found.correlation["happy"] == pytest.approx({"mouthSmile": 1.0})
    assert found.correlation["neutral"] == pytest.approx({"mouthSmile": -1.0})
    units = dict.fromkeys(UNITS, 0.0) | {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}
    spoken = found.speaking_for("happy", units)
    assert spoken == pytest.approx({"mouthSmile": 0.5 / smile.std()})
    assert found.speaking_for("neutral", units)["mouthSmile"] < 0
    at_rest = dict.fromkeys(UNITS, 0.0)
    assert found.speaking_for("happy", at_rest)["mouthSmile"] < 0


def test_the_faces_of_a_dataset_are_related_with_the_answers_to_them(toy_dataset):
    found = relate_units(EmotionModel(), UnitModel(), toy_dataset)
    assert found.faces == len(toy_dataset)
    assert "mouthSmileLeft" not in found.mean
    assert all(-1 <= r <= 1 for r in found.correlation["happy"].values())
    assert set(found.correlation["sad"]) == set(found.mean) == set(found.deviation)


def test_units_that_never_vary_are_left_out(toy_dataset, tmp_path):
    still = UnitModel(units_file(tmp_path / "still.onnx", units={"jawOpen": 0.5}))
    assert relate_units(EmotionModel(), still, toy_dataset).mean == {}


def test_too_few_faces_say_nothing(toy_dataset):
    few = toy_dataset.select(np.arange(5))
    with pytest.raises(InputError, match="expected 30 faces or more, found 5"):
        relate_units(EmotionModel(), UnitModel(), dataclasses.replace(few, source="few"))
