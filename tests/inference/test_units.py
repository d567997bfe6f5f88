import copy
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mien
from mien.errors import FrameError, InputError, SpecError
from mien.inference import UnitModel
from mien.media import as_frame
from mien.options import FaceOptions
from mien.preprocess import FER_CROP
from mien.units import ACTION_UNITS, POSE_FIELDS, UNITS
from tests.networks import changed, emotion_file, units_file
from tests.test_spec import EMOTION

ASSETS = Path(mien.__file__).parent / "assets"
SHIPPED = ASSETS / "emotion.onnx"
PORTRAIT = ASSETS / "samples" / "eileen_collins.jpg"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("units") / "units.onnx"
    return UnitModel(units_file(path, units={"jawOpen": 0.5}, pose=(1.0, 2.0, 3.0)))


def test_each_coefficient_and_angle_is_given_by_its_name(model):
    crops = np.random.default_rng(1).uniform(0, 255, (3, 48, 48)).astype(np.float32)
    found = model.read(crops)
    assert tuple(found.units) == UNITS
    assert tuple(found.pose) == POSE_FIELDS
    assert found.units["jawOpen"].tolist() == [0.5] * 3
    assert found.units["browInnerUp"].tolist() == [0.0] * 3
    assert [angle.tolist() for angle in found.pose.values()] == [[1.0] * 3, [2.0] * 3, [3.0] * 3]
    assert model.crop == FER_CROP


def test_no_face_gives_no_answer(model):
    assert model.read(np.zeros((0, 48, 48), np.float32)).units["jawOpen"].shape == (0,)


def test_crops_of_another_size_are_refused(model):
    with pytest.raises(FrameError, match=r"faces takes \(B, 48, 48\)"):
        model.read(np.zeros((1, 40, 40), np.float32))


def test_a_file_without_units_is_refused_with_what_to_do():
    advice = r"expected 'units', found 'emotion'.*Analyzer\(units=True\).*mien train units"
    with pytest.raises(SpecError, match=advice):
        UnitModel(SHIPPED)
    with pytest.raises(SpecError, match=advice):
        mien.Analyzer(units=SHIPPED)


def test_a_network_of_other_names_is_refused(tmp_path):
    path = units_file(tmp_path / "other.onnx", labels=tuple(f"unit{n}" for n in range(51)))
    with pytest.raises(SpecError, match=r"outputs.units.labels.*browDownLeft to .*found 51, unit0"):
        UnitModel(path)


def test_units_of_another_type_are_refused():
    with pytest.raises(InputError, match="units: expected True, False or a model file"):
        mien.Analyzer(units=3)


def test_a_model_of_units_is_loaded_again_in_another_process(model):
    again = copy.copy(model)  # as pickle does it
    crops = np.full((1, 48, 48), 90, np.float32)
    assert again.path == model.path
    np.testing.assert_array_equal(
        again.read(crops).pose["yaw_deg"], model.read(crops).pose["yaw_deg"]
    )


@pytest.fixture(scope="module")
def smiling(tmp_path_factory):
    """A network to which every face smiles and looks 20 degrees to the right of the image."""
    path = tmp_path_factory.mktemp("smiling") / "units.onnx"
    units = {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.75, "jawOpen": 0.25}
    return UnitModel(units_file(path, units=units, pose=(20.0, -10.0, 0.0)))


def test_a_face_has_units_action_units_and_a_pose_if_they_are_asked_for(smiling):
    (face,) = mien.Analyzer(units=smiling).analyze(PORTRAIT)
    assert tuple(face.units) == UNITS
    assert (face.units["jawOpen"], face.units["mouthSmileLeft"]) == (0.25, 0.5)
    assert face.action_units["AU12"] == 0.625
    assert list(face.action_units) == [each.label for each in ACTION_UNITS]
    assert (face.pose.yaw_deg, face.pose.pitch_deg) == (20.0, -10.0)
    assert face.units_missing is None
    assert face.raw_units is None  # an image is not smoothed


def test_without_being_asked_no_face_has_units_and_no_row_their_columns():
    result = mien.Analyzer().analyze(PORTRAIT)
    (face,) = result
    assert (face.units, face.action_units, face.pose, face.units_missing) == (None,) * 4
    assert "units" not in result.to_rows()[0]
    assert "unit_jawOpen" not in result.to_dataframe().columns


def test_rows_and_data_frames_have_the_columns_of_units(smiling):
    result = mien.Analyzer(units=smiling).analyze(PORTRAIT)
    (row,) = json.loads(json.dumps(result.to_rows()))
    assert row["units"]["jawOpen"] == 0.25
    assert row["action_units"]["AU12"] == 0.625
    assert row["pose"]["yaw_deg"] == 20.0
    frame = result.to_dataframe()
    assert frame["unit_mouthSmileRight"][0] == 0.75
    assert frame["au_12"][0] == 0.625
    assert frame["pose_pitch_deg"][0] == -10.0


@pytest.mark.parametrize("angle_deg", [-20, 20])
def test_the_roll_is_that_of_the_face_in_the_image_clockwise(angle_deg):
    analyzer = mien.Analyzer(units=True)
    with Image.open(PORTRAIT) as image:
        turned = image.convert("RGB").rotate(-angle_deg, Image.Resampling.BICUBIC, expand=True)
    (upright,), (face,) = analyzer.analyze(PORTRAIT), analyzer.analyze(turned)
    assert face.pose.roll_deg - upright.pose.roll_deg == pytest.approx(angle_deg, abs=4)
    assert face.quality.roll_deg == face.pose.roll_deg


@pytest.mark.parametrize("angle_deg", [60, 65, 75, 90, 180, 270, 295])
def test_a_face_on_its_side_or_upside_down_has_no_units_and_says_why(angle_deg):
    with Image.open(PORTRAIT) as image:
        turned = image.convert("RGB").rotate(-angle_deg, Image.Resampling.BICUBIC, expand=True)
    face = mien.Analyzer(units=True).analyze(turned)[0]
    assert (face.units, face.pose, face.units_missing) == (None, None, "rotated")


def test_the_quality_takes_the_pose_that_is_read(smiling, tmp_path):
    (face,) = mien.Analyzer(units=smiling).analyze(PORTRAIT)
    assert face.quality.yaw_proxy == pytest.approx(np.sin(np.radians(20)))
    up = units_file(tmp_path / "up.onnx", pose=(0.0, 40.0, 0.0))
    options = FaceOptions(unsure_below=1.0)
    (face,) = mien.Analyzer(units=up, face_options=options).analyze(PORTRAIT)
    assert face.unsure_reason == "turned away"


@pytest.mark.parametrize("pose", [(70.0, 0.0, 0.0), (0.0, -61.0, 0.0)])
def test_a_face_that_is_turned_too_far_has_no_units_and_says_why(tmp_path, pose):
    path = units_file(tmp_path / "units.onnx", units={"jawOpen": 1.0}, pose=pose)
    result = mien.Analyzer(units=path).analyze(PORTRAIT)
    (face,) = result
    assert (face.units, face.action_units, face.pose) == (None, None, None)
    assert face.units_missing == "turned away"
    (row,) = result.to_rows()
    assert (row["units"], row["pose"], row["units_missing"]) == (None, None, "turned away")
    assert result.to_dataframe()["unit_jawOpen"].isna().all()


def test_a_small_face_has_no_units_and_says_why(smiling):
    with Image.open(PORTRAIT) as image:
        (large,) = mien.Analyzer().analyze(image)
        scale = 21 / large.quality.size_px
        small = image.convert("RGB").resize(
            (round(image.width * scale), round(image.height * scale))
        )
    analyzer = mien.Analyzer(units=smiling, face_options=FaceOptions(min_face_px=12))
    (face,) = analyzer.analyze(small)
    assert face.quality.size_px < 24
    assert (face.units, face.units_missing) == (None, "small")
    assert face.quality.yaw_proxy != pytest.approx(np.sin(np.radians(20)))


def test_an_emotion_network_of_another_crop_changes_no_units(smiling, tmp_path):
    shifted = tuple((x, y - 0.1) for x, y in FER_CROP.landmarks_xy)
    path = emotion_file(tmp_path / "shifted.onnx", changed(EMOTION, crop__landmarks_xy=shifted))
    reading = UnitModel(ASSETS / "units.onnx")
    (expected,) = mien.Analyzer(units=reading).analyze(PORTRAIT)
    (found,) = mien.Analyzer(path, units=reading).analyze(PORTRAIT)
    assert dict(found.units) == pytest.approx(dict(expected.units), abs=1e-6)


def test_left_and_right_change_places_in_a_mirrored_image():
    analyzer = mien.Analyzer(units=True)
    crop = analyzer.pipeline.detect_and_crop(as_frame(PORTRAIT)).crops
    plain = analyzer.unit_model.read(crop)
    mirrored = analyzer.unit_model.read(crop[:, :, ::-1])
    for side, other in (("Left", "Right"), ("Right", "Left")):
        found = mirrored.units[f"mouthSmile{other}"]
        np.testing.assert_allclose(plain.units[f"mouthSmile{side}"], found, atol=1e-5)
    np.testing.assert_allclose(plain.pose["yaw_deg"], -mirrored.pose["yaw_deg"], atol=1e-3)


def test_the_shipped_network_sees_a_smile():
    (face,) = mien.Analyzer(units=True).analyze(PORTRAIT)
    assert face.units["mouthSmileLeft"] > 0.6
    assert face.units["eyeBlinkLeft"] < 0.4
    assert abs(face.pose.yaw_deg) < 10
