import copy
import dataclasses
import json
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from PIL import Image

from mien import Analyzer
from mien.errors import ArtefactError, FrameError, InputError, MediaError
from mien.media import read_image
from mien.options import FaceOptions, SmoothingOptions, VideoOptions
from mien.structures import Faces


class Blind:
    def detect(self, frame_rgb, *, min_face_px=24):
        return Faces.none()


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


def test_eileen_collins_is_happy(analyzer, samples):
    (face,) = analyzer.analyze(samples / "eileen_collins.jpg").faces
    assert face.emotion == "happy"
    assert face.confidence > 0.9
    assert not face.unsure
    left, top, right, bottom = face.box_xyxy
    assert 170 < left < 200
    assert 50 < top < 90
    assert 255 < right < 290
    assert 160 < bottom < 200


def test_the_landmarks_of_a_frontal_face_stand_in_order(analyzer, samples):
    for name in ("eileen_collins.jpg", "grace_hopper.jpg"):
        (face,) = analyzer.analyze(samples / name).faces
        right_eye, left_eye, nose, right_mouth, left_mouth = face.landmarks_xy
        assert right_eye[0] < nose[0] < left_eye[0]
        assert right_mouth[0] < left_mouth[0]
        assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])
        assert abs(face.quality.yaw_proxy) < 0.5
        assert face.quality.truncation == 0


def test_probabilities_are_shares_of_one_and_the_label_is_the_top(analyzer, samples):
    (face,) = analyzer.analyze(samples / "grace_hopper.jpg").faces
    assert sum(face.probabilities.values()) == pytest.approx(1, abs=1e-5)
    assert face.emotion == max(face.probabilities, key=face.probabilities.get)
    assert face.confidence == face.probabilities[face.emotion]


def test_an_array_a_frame_and_a_path_give_the_same(analyzer, samples):
    path = samples / "grace_hopper.jpg"
    frame = read_image(path)
    results = [analyzer.analyze(given) for given in (str(path), frame, frame.frame_rgb)]
    boxes = [result.faces[0].box_xyxy for result in results]
    assert boxes[0] == boxes[1] == boxes[2]


def test_a_mirrored_image_has_a_mirrored_box(analyzer, samples):
    frame = read_image(samples / "grace_hopper.jpg").frame_rgb
    (face,) = analyzer.analyze(frame).faces
    (mirrored,) = analyzer.analyze(np.ascontiguousarray(frame[:, ::-1])).faces
    width = frame.shape[1]
    assert width - mirrored.box_xyxy[2] == pytest.approx(face.box_xyxy[0], abs=10)


def test_an_image_without_a_face_is_an_empty_result(analyzer):
    result = analyzer.analyze(np.full((120, 160, 3), 200, np.uint8))
    assert result.faces == ()
    assert (result.width, result.height, result.error) == (160, 120, None)


def test_another_detector_can_be_given(samples):
    assert Analyzer(detector=Blind()).analyze(samples / "grace_hopper.jpg").faces == ()


def test_one_image_that_cannot_be_read_raises(analyzer, tmp_path):
    with pytest.raises(MediaError, match="no such file"):
        analyzer.analyze(tmp_path / "gone.jpg")


def test_what_is_no_frame_raises(analyzer):
    with pytest.raises(FrameError, match=r"found \(4, 4, 2\)"):
        analyzer.analyze(np.zeros((4, 4, 2), np.uint8))


def test_in_a_stream_bad_images_become_results_and_the_others_go_on(analyzer, samples, tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"")
    inputs = [tmp_path, samples / "grace_hopper.jpg", tmp_path / "*.png"]
    empty, good, unmatched = analyzer.stream(inputs)
    assert "the file is empty" in empty.error
    assert empty.faces == ()
    assert good.error is None
    assert len(good.faces) == 1
    assert "matches no file" in unmatched.error


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ArtefactError, match=r"gone\.onnx: no such model file"):
        Analyzer(tmp_path / "gone.onnx")


def test_real_images_have_their_faces(analyzer, shared):
    media = shared / "media"
    assert len(analyzer.analyze(media / "single_face.jpg").faces) == 1
    assert 4 <= len(analyzer.analyze(media / "multi_face.jpg").faces) <= 5
    assert analyzer.analyze(media / "free-mountain-vector-01.jpg").faces == ()


def test_results_and_analyzers_reach_another_process(samples):
    analyzer = Analyzer()
    path = samples / "eileen_collins.jpg"
    result, explained = analyzer.analyze(path), analyzer.explain(path)
    for each in (result, explained[0].prediction, explained[0].covered):
        assert pickle.loads(pickle.dumps(each)) == each  # noqa: S301 - our own
        assert copy.deepcopy(each) == each
    assert len({result, analyzer.analyze(path)}) == 1
    assert json.loads(json.dumps(result.faces[0].probabilities)) == result.faces[0].probabilities
    assert dataclasses.asdict(result)["faces"][0]["probabilities"]["happy"] > 0.9
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawning) as pool:
        found = list(pool.map(analyzer.analyze, [path, samples / "grace_hopper.jpg"]))
        with pytest.raises(MediaError, match=r"gone.jpg: no such file"):
            pool.submit(analyzer.analyze, samples / "gone.jpg").result()
    assert found[0] == result


def test_results_cannot_be_changed(samples):
    probabilities = Analyzer().analyze(samples / "eileen_collins.jpg").faces[0].probabilities
    before = dict(probabilities)
    for change in (
        lambda: probabilities.update(happy=0.0),
        lambda: probabilities.pop("happy"),
        lambda: probabilities.setdefault("proud", 1.0),
        probabilities.clear,
        probabilities.popitem,
    ):
        with pytest.raises(TypeError, match="cannot be changed"):
            change()
    assert probabilities == before


def test_images_may_be_bytes_and_pillows_too(analyzer, samples):
    path = samples / "eileen_collins.jpg"
    expected = analyzer.analyze(path).faces[0]
    with Image.open(path) as image:
        turned = image.transpose(Image.Transpose.ROTATE_90)
        turned.getexif()[0x0112] = 6
        for given in (path.read_bytes(), image, image.convert("RGBA"), turned):
            (face,) = analyzer.analyze(given).faces
            assert face.emotion == "happy"
            assert face.box_xyxy == pytest.approx(expected.box_xyxy, abs=3)
    assert analyzer.analyze(path.read_bytes()).source == "bytes"
    with pytest.raises(MediaError, match="bytes: not an image"):
        analyzer.analyze(b"no image")


@pytest.mark.parametrize(
    "options",
    [{"threads": 0}, {"workers": -1}, {"detector": 3}],
)
def test_options_out_of_range_are_refused_at_once(options):
    with pytest.raises(InputError, match=f"{next(iter(options))}: expected"):
        Analyzer(**options)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (VideoOptions, {"max_fps": 0}),
        (VideoOptions, {"max_fps": float("nan")}),
        (VideoOptions, {"max_fps": -1}),
        (VideoOptions, {"detect_every": 0}),
        (FaceOptions, {"min_face_px": 0}),
        (FaceOptions, {"min_face_px": -3}),
        (FaceOptions, {"min_score": 1.1}),
        (FaceOptions, {"unsure_below": float("nan")}),
        (VideoOptions, {"max_gap_s": -1}),
        (SmoothingOptions, {"time_constant_s": float("nan")}),
        (SmoothingOptions, {"margin": -0.1}),
    ],
)
def test_options_of_videos_out_of_range_are_refused(kind, options):
    with pytest.raises(InputError, match=f"{next(iter(options))}: expected"):
        kind(**options)


@pytest.mark.parametrize("sources", [np.zeros((4, 4, 3), np.uint8), b"abc", None, [3], [b"a.jpg"]])
def test_what_is_no_path_cannot_be_streamed(analyzer, sources):
    with pytest.raises(InputError, match="sources: expected paths"):
        next(analyzer.stream(sources))
