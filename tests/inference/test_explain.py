import dataclasses
import json

import numpy as np
import pytest

from mien import Analyzer
from mien.emotions import SIX
from mien.errors import InputError
from mien.inference import EmotionModel, explain_face, face_regions
from mien.inference.explain import PATCH
from mien.preprocess import FER_CROP


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


class MouthReader(EmotionModel):
    """Says happy the surer, the brighter the middle of the mouth is."""

    def run(self, crops):
        outputs = super().run(crops)
        return outputs | {"mouth": crops[:, 34:38, 22:27].mean(axis=(1, 2))}

    def combine(self, outputs):
        happy = 1 / (1 + np.exp((100 - outputs["mouth"]) / 40))
        probabilities = np.repeat((1 - happy)[:, None] / 5, 6, axis=1)
        probabilities[:, SIX.index("happy")] = happy
        return probabilities


def test_evidence_lies_where_the_answer_comes_from(analyzer, samples):
    model = MouthReader()
    crop = np.full((48, 48), 40, np.float32)
    crop[32:40, 20:29] = 250
    happy = float(model.probabilities(crop[None])[0, SIX.index("happy")])
    face = analyzer.analyze(samples / "eileen_collins.jpg").faces[0]
    found = explain_face(model, dataclasses.replace(face, confidence=happy), crop)
    assert next(iter(found.parts)) == "mouth"
    whole, covered = (np.log2(p / (1 - p)) for p in (happy, found.covered["mouth"]["happy"]))
    assert found.parts["mouth"] == pytest.approx(whole - covered, abs=1e-4)
    others = [bits for part, bits in found.parts.items() if part != "mouth"]
    assert others == pytest.approx([0] * 6, abs=1e-4)
    row, column = np.unravel_index(found.evidence.argmax(), found.evidence.shape)
    assert 30 <= row <= 42
    assert 18 <= column <= 31
    reach = round(PATCH * 48)
    assert np.abs(found.evidence[: 34 - reach]).max() == pytest.approx(0, abs=1e-4)


def test_a_smile_rests_on_the_mouth_and_all_of_it_is_plain_json(analyzer, samples):
    (found,) = analyzer.explain(samples / "eileen_collins.jpg")
    alone = analyzer.analyze(samples / "eileen_collins.jpg").faces[0]
    assert found.prediction.probabilities == pytest.approx(alone.probabilities)
    bits = list(found.parts.values())
    assert bits == sorted(bits, reverse=True)
    assert next(iter(found.parts)) == "mouth"
    assert bits[0] > 2
    assert found.covered["mouth"]["happy"] < alone.confidence
    assert found.crop.shape == found.evidence.shape == (48, 48)
    row = json.loads(json.dumps(found.to_row()))
    assert set(row["parts"]) == set(face_regions(FER_CROP))
    assert {name: len(values) for name, values in row["heads"].items()} == {
        "logits": 8, "fer2013_logits": 7,
    }  # fmt: skip
    assert all(sum(values.values()) == pytest.approx(1) for values in row["heads"].values())


def test_parts_of_the_face_do_not_overlap():
    areas = [area for part in face_regions(FER_CROP).values() for area in part]
    assert all(left < right and top < bottom for left, top, right, bottom in areas)
    for number, (left, top, right, bottom) in enumerate(areas):
        for other in areas[number + 1 :]:
            across = min(right, other[2]) - max(left, other[0])
            down = min(bottom, other[3]) - max(top, other[1])
            assert min(across, down) <= 1e-9


def test_one_face_can_be_asked_for(analyzer, samples):
    assert len(analyzer.explain(samples / "grace_hopper.jpg", face=0)) == 1
    with pytest.raises(InputError, match="face 3: the image's faces are 0 to 0"):
        analyzer.explain(samples / "grace_hopper.jpg", face=3)
    with pytest.raises(InputError, match="no face was found in the image"):
        analyzer.explain(np.zeros((90, 90, 3), np.uint8), face=0)
    assert analyzer.explain(np.zeros((90, 90, 3), np.uint8)) == ()
