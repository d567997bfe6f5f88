"""`--baseline` and `--neutral` of `mien analyze` and `mien live`."""

import json

import pytest
from PIL import Image

from mien.errors import InputError, SpecError
from tests.baselines import model_with_baseline, model_without_baseline
from tests.cli.test_data import run


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return model_with_baseline(tmp_path_factory.mktemp("model") / "emotion.onnx")


def rows(*arguments):
    result = run("analyze", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_folder_of_one_person_is_corrected(samples, model):
    plain = rows(samples, "--model", model)
    after = rows(samples, "--model", model, "--baseline", "one-person")
    assert [row["uncorrected"] for row in after] == [row["probabilities"] for row in plain]
    assert all(row["uncorrected"] != row["probabilities"] for row in after)
    assert [row["emotion"] for row in after] == [row["emotion"] for row in plain]


def test_a_neutral_face_is_of_one_person(samples, model):
    photo = samples / "eileen_collins.jpg"
    (row,) = rows(photo, "--model", model, "--neutral", photo)
    assert row["probabilities"]["neutral"] > row["uncorrected"]["neutral"]
    result = run("analyze", photo, "--model", model, "--neutral", photo, "--baseline", "tracks")
    assert result.exit_code == 2
    assert "--neutral is the face of one person" in result.output


def test_tracks_need_a_video(samples, model):
    result = run("analyze", samples, "--model", model, "--baseline", "tracks")
    assert result.exit_code != 0
    assert "images have no tracks" in result.output


@pytest.mark.parametrize("verb", ["analyze", "live"])
def test_a_model_without_it_is_one_line(samples, tmp_path, verb):
    plain = model_without_baseline(tmp_path / "plain.onnx")
    photo = samples / "eileen_collins.jpg"
    with pytest.raises(SpecError) as refused:
        run(verb, photo, "--model", plain, "--baseline", "one-person")
    line = str(refused.value)
    assert "plain.onnx: field 'six.baseline': expected" in line
    assert "mien calibrate" in line
    assert "\n" not in line


def test_a_neutral_image_without_a_face_is_one_line(samples, model, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "nobody.png")
    photo = samples / "eileen_collins.jpg"
    with pytest.raises(InputError, match="expected one face, the neutral one, found none"):
        run("analyze", photo, "--model", model, "--neutral", tmp_path / "nobody.png")
