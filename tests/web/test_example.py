"""The example in JavaScript reads the spec and the network, and answers as Python does."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.emotions import SIX
from mien.inference import EmotionModel
from mien.inference.model import SHIPPED
from tests.conftest import SAMPLES

EXAMPLE = Path(__file__).parents[2] / "web" / "examples" / "classify.mjs"


@pytest.fixture
def classify(tmp_path):
    """Return a function that gives a crop to the example."""
    node = shutil.which("node")
    if node is None or not (EXAMPLE.parents[1] / "node_modules" / "onnxruntime-web").exists():
        pytest.skip("needs Node and the page's packages")

    def classify(crop, model=SHIPPED):
        path = tmp_path / "crop.pgm"
        Image.fromarray(crop).save(path)
        return subprocess.run(
            [node, EXAMPLE, model, path], capture_output=True, text=True, check=False
        )

    return classify


def test_the_example_answers_as_python_does(classify):
    crop = np.asarray(Image.open(SAMPLES / "eileen_collins.jpg").convert("L").resize((48, 48)))
    done = classify(crop)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == list(SIX.labels)
    expected = EmotionModel().probabilities(crop[None].astype(np.float32))[0]
    np.testing.assert_allclose(list(found.values()), expected, atol=1e-4)


def test_the_example_is_short_and_says_what_has_no_spec(classify, tmp_path):
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 61
    (tmp_path / "other.onnx").write_bytes(b"\x08\x0a")
    done = classify(np.zeros((48, 48), np.uint8), tmp_path / "other.onnx")
    assert done.returncode != 0
    assert "found no mien.spec" in done.stderr
