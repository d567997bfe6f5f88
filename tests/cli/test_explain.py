import dataclasses
import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from mien.data import SUBSETS
from mien.errors import ArtefactError, MediaError, OutputError, SpecError
from mien.inference import EmotionModel
from tests.cli.test_data import run


def test_an_answer_is_explained_in_words_as_json_and_drawn(samples, tmp_path):
    photo, drawn = samples / "eileen_collins.jpg", tmp_path / "why.png"
    result = run("explain", photo, "--out", drawn)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert "face 0: happy" in lines[0]
    assert lines[1].split()[0] == "mouth"
    assert "without it happy" in lines[1]
    with Image.open(drawn) as image:
        assert image.format == "PNG"
        inked = np.flatnonzero((np.asarray(image.convert("L")) < 250).any(axis=0))
        assert image.width - inked[-1] == pytest.approx(inked[0], abs=8)  # no part changes it
    row = json.loads(run("explain", photo, "--json").stdout)
    assert row["emotion"] == "happy"
    assert len(row["evidence_bits"]) == 48
    with pytest.raises(OutputError, match="--overwrite"):
        run("explain", photo, "--out", drawn)
    assert run("explain", photo, "--out", drawn, "--overwrite").exit_code == 0
    with pytest.raises(OutputError, match=r"why\.txt: expected a name that ends in \.png"):
        run("explain", photo, "--out", tmp_path / "why.txt")


def test_units_say_what_a_face_does_and_which_of_them_go_along_with_the_answer(
    samples, tmp_path, toy_dataset, monkeypatch
):
    photo, data = samples / "eileen_collins.jpg", tmp_path / "data"
    everything_val = np.full(len(toy_dataset), SUBSETS.index("val"), np.int8)
    dataset = dataclasses.replace(toy_dataset, split=everything_val)
    monkeypatch.setattr("mien.data.read_dataset", lambda path: {data: dataset}[path])
    result = run("explain", photo, "--units", "--data", data)
    assert result.exit_code == 0, result.output
    assert "\n  mouthSmile 0." in result.stdout
    assert f"units that speak most for or against happy, by {len(toy_dataset)} faces" in (
        result.stdout
    )
    row = json.loads(run("explain", photo, "--units", "--data", data, "--json").stdout)
    assert all(set(each) == {"speaks_for", "r", "mean", "sd"} for each in row["units_for"].values())
    assert run("explain", photo, "--data", data).exit_code == 2
    widths = []
    for number, options in enumerate(((), ("--units",), ("--units", "--data", data))):
        out = tmp_path / f"{number}.png"
        assert run("explain", photo, *options, "--out", out).exit_code == 0
        with Image.open(out) as image:
            widths.append(image.width)
    assert widths[0] < widths[1] < widths[2]


def test_an_image_without_a_face_has_nothing_to_explain(tmp_path):
    Image.new("RGB", (90, 90)).save(tmp_path / "nobody.png")
    result = run("explain", tmp_path / "nobody.png", "--out", tmp_path / "why.png")
    assert result.exit_code == 0
    assert "no face found" in result.stderr
    assert not (tmp_path / "why.png").exists()
    with pytest.raises(MediaError, match="no such file"):
        run("explain", tmp_path / "gone.png")


def test_similar_faces_are_listed_and_drawn(samples, tmp_path):
    photo = samples / "eileen_collins.jpg"
    with Image.open(photo) as image:
        image.rotate(7).save(tmp_path / "turned.png")
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    drawn = tmp_path / "out" / "like.jpg"
    result = run("similar", photo, tmp_path, samples, "--out", drawn)
    assert result.exit_code == 1, "one image is broken"
    assert "broken.jpg: not an image" in result.stderr
    first, second = result.stdout.splitlines()
    assert "turned.png" in first
    assert "grace_hopper.jpg" in second
    with Image.open(drawn) as image:
        assert image.format == "JPEG"
    rows = run("similar", photo, samples, "--json").stdout.splitlines()
    assert [json.loads(row)["emotion"] for row in rows] == ["neutral"]
    assert json.loads(rows[0])["similarity"] < 0.5


def test_models_say_what_they_are(tmp_path):
    shipped = EmotionModel()
    told = run("models", "--figures").stdout
    for said in (
        "mien-emotion",
        "mien-face",
        "mien-units",
        "unsure below",
        "test, ferplus-8: accuracy",
    ):
        assert said in told
    (line,) = run("models", shipped.path, "--json").stdout.splitlines()
    facts = json.loads(line)
    assert facts["sha256"] == hashlib.sha256(shipped.path.read_bytes()).hexdigest()
    assert facts["figures"] == dict(shipped.spec.figures)
    (tmp_path / "a.onnx").write_bytes(b"no model")
    with pytest.raises(ArtefactError, match="not an ONNX file"):
        run("models", tmp_path / "a.onnx")


def test_a_model_file_without_a_spec_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])],
        "plain",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, tmp_path / "plain.onnx")
    with pytest.raises(SpecError, match=r"no 'mien\.spec'"):
        run("models", tmp_path / "plain.onnx")
