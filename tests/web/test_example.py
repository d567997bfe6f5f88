"""The example in JavaScript reads the spec and the network, and answers as Python does."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.detect.detector import SHIPPED as FACE
from mien.emotions import SIX
from mien.inference import EmotionModel
from mien.inference.model import SHIPPED
from tests.conftest import SAMPLES
from tests.networks import changed, emotion_file
from tests.test_spec import EMOTION

EXAMPLE = Path(__file__).parents[2] / "web" / "examples" / "classify.mjs"


@pytest.fixture
def classify(tmp_path):
    """Return a function that starts the example in the folder of its files."""
    node = shutil.which("node")
    if node is None or not (EXAMPLE.parents[1] / "node_modules" / "onnxruntime-web").exists():
        pytest.skip("needs Node and the page's packages")

    def classify(*arguments):
        return subprocess.run(
            [node, EXAMPLE, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    return classify


def test_the_example_answers_as_python_does(classify, tmp_path):
    crop = np.asarray(Image.open(SAMPLES / "eileen_collins.jpg").convert("L").resize((48, 48)))
    Image.fromarray(crop).save(tmp_path / "crop.pgm")
    done = classify(SHIPPED, "crop.pgm")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == list(SIX.labels)
    expected = EmotionModel().probabilities(crop[None].astype(np.float32))[0]
    np.testing.assert_allclose(list(found.values()), expected, atol=1e-4)


def test_the_example_is_short():
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    code = [line for line in lines if line and not line.startswith(("//", "/**"))]
    assert len(code) <= 66


def test_the_example_reads_a_network_that_answers_by_the_six_themselves(classify, tmp_path):
    outputs = [dataclasses.asdict(output) for output in EMOTION.outputs]
    outputs[0]["labels"] = "six"
    weights = {outputs[0]["name"]: 1.0}
    made = emotion_file(
        tmp_path / "six.onnx",
        changed(
            EMOTION, outputs=outputs, six__weights=weights, six__bias=[0.5, -0.5, 0, 0.2, 0, 0]
        ),
        sizes=(6, 7, 16),
    )
    Image.fromarray(np.zeros((48, 48), np.uint8)).save(tmp_path / "crop.pgm")
    done = classify(made, "crop.pgm")
    assert done.returncode == 0, done.stderr
    expected = EmotionModel(made).probabilities(np.zeros((1, 48, 48), np.float32))[0]
    np.testing.assert_allclose(list(json.loads(done.stdout).values()), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("model", "crop", "said"),
    [
        (None, None, "usage: node classify.mjs emotion.onnx crop.pgm"),
        ("missing.onnx", "crop.pgm", "no such file or directory, open 'missing.onnx'"),
        (SHIPPED, "missing.pgm", "no such file or directory, open 'missing.pgm'"),
        ("other.onnx", "crop.pgm", "other.onnx: expected an emotion network, found no mien.spec"),
        (FACE, "crop.pgm", "face.onnx: expected an emotion network, found detection"),
        (SHIPPED, "other.onnx", "other.onnx: expected a whole binary PGM, 48x48, of 8 bits"),
        (SHIPPED, "small.pgm", "small.pgm: expected a whole binary PGM, 48x48, of 8 bits"),
        (SHIPPED, "cut.pgm", "cut.pgm: expected a whole binary PGM, 48x48, of 8 bits"),
    ],
)
def test_the_example_says_in_one_line_what_it_cannot_read(classify, tmp_path, model, crop, said):
    for name, side in (("crop.pgm", 48), ("small.pgm", 40)):
        Image.fromarray(np.zeros((side, side), np.uint8)).save(tmp_path / name)
    (tmp_path / "cut.pgm").write_bytes((tmp_path / "crop.pgm").read_bytes()[:-1])
    (tmp_path / "other.onnx").write_bytes(b"\x08\x0a\xff")
    done = classify(*[each for each in (model, crop) if each is not None])
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
