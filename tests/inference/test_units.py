from pathlib import Path

import numpy as np
import pytest

import mien
from mien.errors import FrameError, SpecError
from mien.export import export_units
from mien.inference import UnitModel
from mien.models import TrunkOptions, UnitNet, UnitOptions
from mien.preprocess import FER_CROP
from mien.units import POSE_FIELDS, UNITS

SHIPPED = Path(mien.__file__).parent / "assets" / "emotion.onnx"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("units") / "units.onnx"
    trunk = TrunkOptions(widths=(4, 8), depths=(1, 1))
    network = UnitNet(UnitOptions(trunk=trunk, head_channels=4, head_width=8))
    faces = np.random.default_rng(0).integers(0, 256, (4, 48, 48)).astype(np.uint8)
    export_units(network, faces, path=path, provenance={})
    return UnitModel(path)


def test_each_coefficient_and_angle_is_given_by_its_name(model):
    crops = np.random.default_rng(1).uniform(0, 255, (3, 48, 48)).astype(np.float32)
    found = model.read(crops)
    assert tuple(found.units) == UNITS
    assert tuple(found.pose) == POSE_FIELDS
    values = np.stack(list(found.units.values()))
    assert values.shape == (len(UNITS), 3)
    assert ((values >= 0) & (values <= 1)).all()
    assert model.crop == FER_CROP


def test_no_face_gives_no_answer(model):
    assert model.read(np.zeros((0, 48, 48), np.float32)).units["jawOpen"].shape == (0,)


def test_crops_of_another_size_are_refused(model):
    with pytest.raises(FrameError, match=r"faces takes \(B, 48, 48\)"):
        model.read(np.zeros((1, 40, 40), np.float32))


def test_a_file_without_units_is_refused_with_what_to_do():
    with pytest.raises(SpecError, match=r"expected 'units', found 'emotion'.*mien train units"):
        UnitModel(SHIPPED)
