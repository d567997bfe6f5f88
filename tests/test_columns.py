import dataclasses
import json

from jsonschema import Draft202012Validator

from mien.columns import (
    COLUMNS,
    error_row,
    example_row,
    face_row,
    flat_row,
    result_columns,
    row_schema,
)
from mien.structures import FrameResult, Quality
from mien.units import ACTION_UNITS, UNITS, HeadPose

FLAT = """
source frame timestamp_s face track box_left box_top box_right box_bottom detection_score
found emotion confidence unsure p_happy p_neutral p_sad p_angry p_fear p_surprise
p_happy_uncorrected p_neutral_uncorrected p_sad_uncorrected p_angry_uncorrected p_fear_uncorrected
p_surprise_uncorrected size_px sharpness brightness yaw_proxy roll_deg truncation error
"""
KINDS = {"text": str, "integer": int, "number": float, "boolean": bool}


def test_the_flat_names_are_these_in_this_order():
    assert [column.name for column in COLUMNS] == FLAT.split()


def test_each_value_of_a_face_stands_in_its_column(prediction):
    flat = flat_row(face_row(prediction))
    assert list(flat) == FLAT.split()
    assert [flat[f"box_{side}"] for side in ("left", "top", "right", "bottom")] == [
        10.0,
        20.0,
        110.0,
        140.0,
    ]
    assert {name: flat[f"p_{name}"] for name in prediction.probabilities} == (
        prediction.probabilities
    )
    quality = dataclasses.asdict(prediction.quality)
    assert {name: flat[name] for name in quality} == quality
    assert (flat["emotion"], flat["unsure"], flat["error"]) == ("happy", True, None)


def test_every_quality_has_its_column():
    columns = [column.path[1] for column in COLUMNS if column.path[0] == "quality"]
    assert columns == [field.name for field in dataclasses.fields(Quality)]


def test_values_are_of_their_columns_type_and_within_its_bounds(prediction):
    flat = flat_row(face_row(prediction))
    for column in COLUMNS:
        value = flat[column.name]
        if value is None:
            assert column.nullable or column.rows == "error", column.name
            continue
        assert type(value) is KINDS[column.kind], column.name
        assert column.minimum is None or value >= column.minimum
        assert column.maximum is None or value <= column.maximum
        assert not column.values or value in column.values


def test_an_error_has_its_place_and_its_message():
    row = error_row(FrameResult(source="a.jpg", error="the file is empty"))
    assert row == {
        "source": "a.jpg",
        "frame": 0,
        "timestamp_s": None,
        "error": "the file is empty",
    }
    flat = flat_row(row)
    assert {name for name, value in flat.items() if value is not None} == {
        "source",
        "frame",
        "error",
    }


def test_the_schemas_take_their_rows_and_nothing_else(result):
    schemas = row_schema("face"), row_schema("error")
    for schema in schemas:
        Draft202012Validator.check_schema(schema)
    face, error = map(Draft202012Validator, schemas)
    (row,) = json.loads(json.dumps(result.to_rows()))
    failed = FrameResult(source="a.jpg", error="empty").to_rows()[0]
    assert face.is_valid(row)
    assert error.is_valid(failed)
    assert not error.is_valid(row)
    assert not face.is_valid(failed)
    for wrong in (
        {"emotion": "proud"},
        {"confidence": 1.5},
        {"frame": -1},
        {"track": "0"},
        {"box_xyxy": [1.0, 2.0, 3.0]},
        {"quality": {}},
        {"more": 1},
    ):
        assert not face.is_valid(row | wrong), wrong
    assert all("description" in each for each in error.schema["properties"].values())


def test_the_example_of_each_kind_of_row_fits_its_schema():
    for rows in ("face", "error"):
        Draft202012Validator(row_schema(rows)).validate(example_row(rows))
    face = example_row("face")
    assert sum(face["probabilities"].values()) == 1
    assert face["confidence"] == face["probabilities"][face["emotion"]]


def with_units(prediction, **fields):
    units = dict.fromkeys(UNITS, 0.25)
    pose = HeadPose(yaw_deg=1.0, pitch_deg=2.0, roll_deg=3.0)
    return dataclasses.replace(prediction, **({"units": units, "pose": pose} | fields))


def test_the_columns_of_units_stand_behind_the_others(prediction):
    names = [column.name for column in result_columns(units=True)]
    assert names[: len(COLUMNS)] == FLAT.split()
    assert names[len(COLUMNS) :] == [
        *(f"unit_{name}" for name in UNITS),
        *(f"au_{each.number}" for each in ACTION_UNITS),
        "pose_yaw_deg",
        "pose_pitch_deg",
        "pose_roll_deg",
        "units_missing",
    ]
    flat = flat_row(face_row(with_units(prediction)), result_columns(units=True))
    assert (flat["unit_jawOpen"], flat["au_12"], flat["pose_yaw_deg"]) == (0.25, 0.25, 1.0)
    missing = with_units(prediction, units=None, pose=None, units_missing="small")
    flat = flat_row(face_row(missing), result_columns(units=True))
    assert (flat["unit_jawOpen"], flat["au_12"], flat["pose_yaw_deg"]) == (None, None, None)
    assert flat["units_missing"] == "small"


def test_the_schema_takes_rows_with_and_without_units(prediction):
    schema = Draft202012Validator(row_schema("face"))
    missing = with_units(prediction, units=None, pose=None, units_missing="turned away")
    for face in (prediction, with_units(prediction), missing):
        assert schema.is_valid(json.loads(json.dumps(face_row(face))))
    row = face_row(with_units(prediction))
    assert not schema.is_valid(row | {"units": {**row["units"], "jawOpen": None}})
    assert not schema.is_valid(row | {"units": {"jawOpen": 0.5}})
