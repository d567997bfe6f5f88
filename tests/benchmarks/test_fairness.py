"""The benchmark of fairness counts every image, those without a face as wrong."""

import io
import json
import sys

import numpy as np
import polars as pl
import pytest
from PIL import Image

from mien.emotions import SIX

HAPPY, NEUTRAL, SAD = (SIX.index(name) for name in ("happy", "neutral", "sad"))


def stored(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


@pytest.fixture
def people(tmp_path, samples):
    """A sample with a face, another in grey, an image without one, and one that is left out."""
    face = Image.open(samples / "eileen_collins.jpg").convert("RGB")
    grey = np.asarray(face.convert("L").convert("RGB"))
    blank = np.full((120, 120, 3), 90, np.uint8)
    rows = [
        ("colour", "a", "happy", np.asarray(face)),
        ("colour", "b", "sad", blank),
        ("colour", "c", "disgust", blank),
        ("grey", "d", "happy", grey),
    ]
    table = pl.DataFrame(
        [
            {"set": source, "id": name, "person": "1", "label": label, "image": stored(pixels)}
            for source, name, label, pixels in rows
        ]
    )
    table.write_parquet(tmp_path / "people.parquet")
    return tmp_path / "people.parquet"


def test_whole_images_become_figures_and_a_table(load, people, tmp_path, monkeypatch):
    document, kept = tmp_path / "card.md", tmp_path / "fairness.json"
    document.write_text("<!-- fairness -->\n<!-- /fairness -->\n")
    options = ["--people", people, "--sets", "colour", "grey", "--json", kept, "--write", document]
    monkeypatch.setattr(sys, "argv", list(map(str, ["fairness.py", *options])))
    load("fairness").main()
    colour, grey = json.loads(kept.read_text())
    assert (colour["all"]["images"], colour["all"]["accuracy"]) == (2, 0.5)
    assert (colour["without_face"], colour["without_skin_tone"]) == (["b"], 0)
    assert [each["images"] for each in colour["skin_tones"]] == [1]
    assert (grey["skin_tones"], grey["without_skin_tone"]) == ([], 1)
    said = document.read_text()
    assert "| colour | 2 | 50.0 % (" in said
    assert f"| colour, {colour['skin_tones'][0]['name']}, few images | 1 | 100.0 % (" in said
    assert "colour: no face found in 1, no tone in 0; grey: no face found in 0, grey." in said


def test_a_set_that_is_not_there_is_named(load, people):
    fairness = load("fairness")
    with pytest.raises(SystemExit, match="no image of the set elsewhere"):
        fairness.measured(None, people, ["elsewhere"])


def test_classes_of_skin_tone_are_counted_as_on_paper(load):
    fairness = load("fairness")
    made = [("a", HAPPY, HAPPY, 60.0), ("b", HAPPY, NEUTRAL, 60.0), ("c", SAD, SAD, -60.0)]
    made += [("d", SAD, -1, np.nan), ("e", SAD, SAD, np.nan)]
    found = fairness.figures([fairness.Answer("some", *each) for each in made])
    assert found["all"]["accuracy"] == 3 / 5
    assert found["all"]["balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert found["all"]["wrongly_neutral"] == 1 / 5
    assert [(e["name"], e["images"], e["wrongly_neutral"]) for e in found["skin_tones"]] == [
        ("very light", 2, 0.5),
        ("dark", 1, 0.0),
    ]
    assert (found["without_face"], found["without_skin_tone"]) == (["d"], 1)
