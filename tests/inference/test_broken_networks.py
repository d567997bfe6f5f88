"""Networks that are damaged are told at once, by file and reason; none of them answers."""

import numpy as np
import pytest

from mien.detect import OnnxDetector, yunet_spec
from mien.errors import ArtefactError, FrameError, InputError, SpecError
from mien.inference import EmotionModel
from mien.structures import Faces
from tests.networks import changed, detector_file, emotion_file
from tests.test_spec import EMOTION

KINDS = ("cls", "obj", "bbox", "kps")


def test_a_network_of_the_contract_answers(tmp_path):
    model = EmotionModel(emotion_file(tmp_path / "a.onnx"))
    probabilities = model.probabilities(np.zeros((3, 48, 48), np.float32))
    assert probabilities.shape == (3, 6)
    assert np.isfinite(probabilities).all()


@pytest.mark.parametrize("bias", [np.nan, np.inf, -np.inf])
def test_a_network_with_weights_that_are_no_numbers_is_refused(tmp_path, bias):
    path = emotion_file(tmp_path / "a.onnx", bias=bias)
    message = r"a\.onnx: output 'logits': expected finite numbers, found 16 of 16 that are not"
    with pytest.raises(ArtefactError, match=message):
        EmotionModel(path)


def test_the_largest_finite_weights_give_finite_answers(tmp_path):
    model = EmotionModel(emotion_file(tmp_path / "a.onnx", bias=3e38))
    found = model.classify(np.zeros((1, 48, 48), np.float32))
    assert np.isfinite(found.probabilities).all()
    assert all(np.isfinite(values).all() for values in found.heads.values())


def test_a_network_that_fails_later_says_so_then(tmp_path, monkeypatch):
    model = EmotionModel(emotion_file(tmp_path / "a.onnx"))
    answers = model._session._session.run(None, {"faces": np.zeros((1, 1, 48, 48), np.float32)})
    answers[2][0, 5] = np.nan
    monkeypatch.setattr(
        model._session, "_session", type("Session", (), {"run": lambda *_: answers})()
    )
    with pytest.raises(ArtefactError, match=r"'embedding': expected finite .* found 1 of 16"):
        model.probabilities(np.zeros((1, 48, 48), np.float32))


def test_crops_that_are_not_finite_are_no_fault_of_the_file():
    with pytest.raises(FrameError, match="crops: expected luma of 0 to 255"):
        EmotionModel().run(np.full((1, 48, 48), np.nan, np.float32))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "x"}, r"'input\.name': expected the graph's one input, found 'faces'.*has x"),
        ({"batch": 1}, r"'input': expected a graph that takes \(any, 1, 48, 48\), found \(1, 1"),
        ({"sizes": (7, 7, 16)}, r"'outputs\.logits\.labels': ferplus-8 has 8 labels"),
    ],
)
def test_a_graph_of_another_form_is_refused(tmp_path, options, message):
    with pytest.raises(SpecError, match=message):
        EmotionModel(emotion_file(tmp_path / "a.onnx", **options))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"six__weights": {"logits": 5, "fer2013_logits": -4}}, r"'six\.weights': expected numb"),
        ({"six__temperature": 5e-324}, r"'six\.temperature': expected a number from 0\.01"),
        ({"six__bias": [1e308] * 6}, r"'six\.bias': expected numbers from -100 to 100"),
        ({"input__std": [1e-46]}, r"'input\.std': expected numbers from 0\.001"),
        ({"input__multiple_of": 10**9}, r"'input\.multiple_of': expected a number from 1"),
        ({"input__name": "nobody"}, r"'input\.name': expected the graph's one input"),
        (
            {"crop__landmarks_xy": [[1 - x, y] for x, y in EMOTION.crop.landmarks_xy]},
            r"'crop\.landmarks_xy': expected the person's right eye",
        ),
    ],
)
def test_a_file_with_a_wrong_spec_is_refused_by_its_field(tmp_path, fields, message):
    path = emotion_file(tmp_path / "a.onnx", changed(EMOTION, **fields))
    with pytest.raises(SpecError, match=rf"a\.onnx: .*{message}"):
        EmotionModel(path)


def test_a_file_nested_too_deeply_is_refused(tmp_path):
    path = emotion_file(tmp_path / "a.onnx", {"mien.spec": "[" * 100_000 + "]" * 100_000})
    with pytest.raises(SpecError, match=r"a\.onnx: 'mien\.spec' is nested too deeply"):
        EmotionModel(path)


@pytest.mark.parametrize("kind", ["cls", "obj", "bbox", "kps"])
def test_a_detector_with_weights_that_are_no_numbers_is_refused(tmp_path, kind):
    path = detector_file(tmp_path / "a.onnx", values={kind: np.nan})
    with pytest.raises(ArtefactError, match=rf"output '{kind}_8': expected finite numbers"):
        OnnxDetector(path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"detection__strides": [8, 8, 8]}, r"'detection\.strides': expected different strides"),
        ({"detection__strides": [8, 16, 32, 4]}, r"'outputs': expected 'cls_4', as detection\.st"),
        ({"detection__strides": [8, 16]}, r"'detection\.strides': expected all .* have, 32 too"),
        (
            {
                "detection__strides": [8, 16],
                "outputs": [{"name": f"{k}_{s}"} for k in KINDS for s in (8, 16)],
            },
            r"'detection\.strides': expected all strides that the graph's outputs have, 32 too",
        ),
        ({"detection__nms_iou": 1.0}, r"'detection\.nms_iou': expected a number from 0\.1 to 0\.8"),
        ({"detection__score_threshold": 0.0}, r"'detection\.score_threshold': expected a number"),
        ({"input__name": "faces"}, r"'input\.name': expected the graph's one input"),
        ({"input__multiple_of": 8}, r"'input\.multiple_of': expected a multiple of the strides"),
        ({"input__multiple_of": 10**9}, r"'input\.multiple_of': expected a number from 1 to 256"),
        ({"outputs": [{"name": "cls_8"}]}, r"'outputs': expected 'obj_8', as detection\.strides"),
    ],
)
def test_a_detector_with_a_wrong_spec_is_refused_by_its_field(tmp_path, fields, message):
    path = detector_file(tmp_path / "a.onnx", changed(yunet_spec("toy"), **fields))
    with pytest.raises(SpecError, match=rf"a\.onnx: .*{message}"):
        OnnxDetector(path)


def test_a_detector_whose_outputs_have_another_shape_is_refused(tmp_path):
    path = detector_file(tmp_path / "a.onnx", sizes={"bbox": 5})
    message = r"'outputs\.bbox_8': expected \(32, 4\) for \(32, 64\), found \(32, 5\)"
    with pytest.raises(SpecError, match=rf"a\.onnx: field {message}"):
        OnnxDetector(path)


@pytest.mark.parametrize(
    "values",
    [
        {"bbox": 3e38},
        {"bbox": 1e5},
        {"bbox": [0, 0, 1e3, 1e3]},
        {"kps": 3e38},
        {"kps": -1e5},
    ],
)
def test_faces_far_outside_of_the_image_are_none(tmp_path, values):
    path = detector_file(tmp_path / "a.onnx", values={"cls": 1, "obj": 1, **values})
    assert len(OnnxDetector(path).detect(np.zeros((64, 64, 3), np.uint8))) == 0


def test_faces_in_the_image_are_kept(tmp_path):
    size = float(np.log(4))
    points = [-1, -1, 1, -1, 0, 0, -1, 1, 1, 1]
    values = {"cls": 1, "obj": 1, "bbox": [0, 0, size, size], "kps": points}
    path = detector_file(tmp_path / "a.onnx", values=values)
    faces = OnnxDetector(path).detect(np.zeros((64, 64, 3), np.uint8))
    assert len(faces) > 0
    assert np.isfinite(faces.boxes_xyxy).all()


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan")])
def test_a_threshold_out_of_range_is_refused(threshold):
    with pytest.raises(InputError, match="score_threshold: expected 0 to 1"):
        OnnxDetector(score_threshold=threshold)


@pytest.mark.parametrize("field", ["boxes_xyxy", "landmarks_xy", "detection_scores"])
def test_a_detector_from_elsewhere_gives_finite_numbers_too(field):
    arrays = {
        "boxes_xyxy": np.zeros((1, 4), np.float32),
        "landmarks_xy": np.zeros((1, 5, 2), np.float32),
        "detection_scores": np.ones(1, np.float32),
    }
    arrays[field][0] = np.nan
    with pytest.raises(FrameError, match=f"{field}: expected finite numbers"):
        Faces(**arrays)
