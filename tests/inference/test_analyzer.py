import asyncio
import copy
import dataclasses
import json
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

import mien
from mien import Analyzer
from mien.errors import ArtefactError, FrameError, InputError, MediaError
from mien.media import read_image
from mien.options import FaceOptions, SmoothingOptions, VideoOptions
from mien.structures import Faces, Frame
from tests import coroutines


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


def test_a_folder_in_place_of_a_model_names_the_file_in_it(tmp_path):
    with pytest.raises(ArtefactError, match=r"a folder, expected a model file\. Give the file in"):
        Analyzer(tmp_path)
    (tmp_path / "emotion.onnx").touch()
    with pytest.raises(ArtefactError, match=rf"Give {tmp_path}/emotion\.onnx"):
        Analyzer(tmp_path)


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


def test_the_default_analyzer_is_made_once(samples, monkeypatch):
    from mien.inference import analyzer as module

    made = []
    monkeypatch.setattr(module, "_DEFAULT", [])
    monkeypatch.setattr(module, "Analyzer", lambda: made.append(1) or Analyzer())
    first, second = (mien.analyze(samples / "grace_hopper.jpg") for _ in range(2))
    assert made == [1]
    assert first == second
    assert len(first) == 1


def test_a_list_is_one_batch_with_a_result_each_in_order(analyzer, samples):
    paths = [samples / f"{name}.jpg" for name in ("grace_hopper", "eileen_collins")]
    nobody = np.full((64, 64, 3), 90, np.uint8)
    given = [paths[0], nobody, paths[1].read_bytes(), Image.open(paths[0])]
    results = analyzer.analyze(given)
    alone = [analyzer.analyze(each) for each in given]
    assert [len(result) for result in results] == [1, 0, 1, 1]
    for together, single in zip(results, alone, strict=True):
        for a, b in zip(together, single, strict=True):
            assert a.box_xyxy == b.box_xyxy
            assert dict(a.probabilities) == pytest.approx(dict(b.probabilities), abs=1e-5)
    assert analyzer.analyze([]) == []


def test_channels_say_what_an_array_holds(analyzer, samples):
    rgb = read_image(samples / "grace_hopper.jpg").frame_rgb
    expected = analyzer.analyze(rgb)
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    assert analyzer.analyze(bgr, channels="bgr").faces == expected.faces
    assert analyzer.analyze(bgr).faces != expected.faces


def test_a_call_may_have_its_own_face_options(analyzer, samples):
    path = samples / "grace_hopper.jpg"
    (face,) = analyzer.analyze(path)
    assert not analyzer.analyze(path, face_options=FaceOptions(min_face_px=400))
    assert not analyzer.analyze(path, face_options=FaceOptions(min_score=1.0))
    (kept,) = analyzer.analyze(path, face_options=FaceOptions(min_score=face.detection_score))
    assert kept == face
    (doubted,) = analyzer.analyze(path, face_options=FaceOptions(unsure_below=1.0))
    assert doubted.unsure
    assert not analyzer.explain(path, face_options=FaceOptions(min_face_px=400))


def test_every_head_of_the_network_is_in_the_prediction_by_name(analyzer, samples):
    (face,) = analyzer.analyze(samples / "eileen_collins.jpg")
    assert set(face.outputs) == {"logits", "fer2013_logits"}
    assert list(face.outputs["logits"])[-1] == "contempt"
    for values in face.outputs.values():
        assert sum(values.values()) == pytest.approx(1)
    assert len(face.embedding) == 16
    assert np.hypot.reduce(face.embedding) == pytest.approx(1, abs=1e-3)


def test_frames_with_times_are_a_clip(analyzer, samples):
    rgb = read_image(samples / "eileen_collins.jpg").frame_rgb
    pairs = [(number / 10, rgb) for number in range(8)]
    results = list(analyzer.stream(pairs))
    assert [result.timestamp_s for result in results] == [time_s for time_s, _ in pairs]
    assert [face.track for result in results for face in result] == [0] * 8
    frames = [Frame(frame_rgb=rgb, source="clip", frame=n, timestamp_s=n / 10) for n in range(8)]
    assert [r.faces[0].box_xyxy for r in analyzer.stream(iter(frames))] == [
        result.faces[0].box_xyxy for result in results
    ]
    sampled = list(analyzer.stream(pairs, video_options=VideoOptions(max_fps=5)))
    assert [result.frame for result in sampled] == [0, 2, 4, 6]


def test_a_face_that_comes_later_is_found_in_frames_without_numbers(analyzer, samples):
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    grey = np.full_like(photo, 90)
    frames = [
        Frame(frame_rgb=rgb, source="clip", timestamp_s=number / 10)
        for number, rgb in enumerate((grey, grey, photo, photo))
    ]
    results = list(analyzer.stream(frames))
    assert [len(result) for result in results] == [0, 0, 1, 1]
    assert [result.frame for result in results] == [0, 1, 2, 3]
    numbered = [dataclasses.replace(frame, frame=40 + 2 * n) for n, frame in enumerate(frames)]
    assert [result.frame for result in analyzer.stream(numbered)] == [40, 42, 44, 46]


@pytest.mark.parametrize(
    ("clip", "said"),
    [
        ([(1.0, "rgb"), (0.5, "rgb")], "frame 1: expected a time of 1 s or later, found 0.5"),
        ([(0.0, "rgb"), "rgb"], "frame 1: expected a Frame or"),
        ([(float("nan"), "rgb")], "expected a time"),
    ],
)
def test_a_clip_without_sound_times_is_refused(analyzer, clip, said):
    grey = np.full((64, 64, 3), 90, np.uint8)

    def given(each):
        return grey if each == "rgb" else (each[0], grey)

    with pytest.raises(InputError, match=said):
        list(analyzer.stream([given(each) for each in clip]))


def test_a_stream_of_nothing_is_empty_and_of_something_else_refused(analyzer):
    assert list(analyzer.stream([])) == []
    with pytest.raises(InputError, match="found int among them"):
        list(analyzer.stream([3]))
    with pytest.raises(InputError, match="found NoneType among them"):
        list(analyzer.stream([None, "a.jpg"]))


def test_an_analyzer_says_which_models_it_has(analyzer):
    assert "'mien-emotion'" in repr(analyzer)
    assert "'mien-face'" in repr(analyzer)
    assert "min_face_px=24" in repr(analyzer)


def test_threads_and_tasks_share_an_analyzer(analyzer, samples):
    paths = [samples / f"{name}.jpg" for name in ("grace_hopper", "eileen_collins")] * 4
    expected = [analyzer.analyze(path) for path in paths]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(analyzer.analyze, paths)) == expected

    async def several():
        return await asyncio.gather(*(asyncio.to_thread(analyzer.analyze, path) for path in paths))

    assert coroutines.run(several()) == expected


def test_a_result_is_drawn_without_reading_its_file_again(analyzer, samples, tmp_path):
    copy_of = tmp_path / "photo.jpg"
    copy_of.write_bytes((samples / "eileen_collins.jpg").read_bytes())
    result = analyzer.analyze(copy_of)
    copy_of.unlink()
    drawn = result.plot()
    assert drawn.size == (result.width, result.height)
    with pytest.raises(InputError, match="frame_rgb"):
        dataclasses.replace(result, frame_rgb=None).plot()


def test_frames_before_time_zero_are_frames(analyzer):
    grey = np.full((64, 64, 3), 90, np.uint8)
    clip = [(-2.0, grey), (-1.0, grey), (0.0, grey)]
    assert [result.timestamp_s for result in analyzer.stream(clip)] == [-2.0, -1.0, 0.0]
    seldom = analyzer.stream(clip, video_options=VideoOptions(max_fps=0.5))
    assert [result.timestamp_s for result in seldom] == [-2.0, 0.0]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (FaceOptions, {"min_face_px": "a"}),
        (FaceOptions, {"min_face_px": True}),
        (FaceOptions, {"min_face_px": None}),
        (FaceOptions, {"min_score": "0.8"}),
        (VideoOptions, {"detect_every": 1.5}),
        (VideoOptions, {"max_fps": "x"}),
        (VideoOptions, {"smoothing": 0.4}),
        (SmoothingOptions, {"margin": None}),
    ],
)
def test_options_of_another_type_are_refused(kind, options):
    (name,) = options
    with pytest.raises(InputError, match=f"{name}: expected"):
        kind(**options)


def test_options_of_another_kind_are_refused(analyzer, samples):
    path = samples / "grace_hopper.jpg"
    for wrong in ({"min_face_px": 40}, {}, VideoOptions()):
        with pytest.raises(InputError, match="expected FaceOptions or None"):
            analyzer.analyze(path, face_options=wrong)
    with pytest.raises(InputError, match="expected VideoOptions or None"):
        analyzer.stream(path, video_options={})
    with pytest.raises(InputError, match="max_faces: expected a whole number from 1 on"):
        analyzer.find_similar(path, samples, max_faces=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"face_options": {"min_face_px": 3}}, "face_options: expected FaceOptions or None, found"),
        ({"threads": "two"}, "threads: expected a whole number from 1 to 1024, found 'two'"),
        ({"threads": 1.5}, "threads: expected a whole number from 1 to 1024"),
        ({"workers": 0}, "workers: expected a whole number from 1 to 1024"),
    ],
)
def test_arguments_of_other_types_are_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        Analyzer(**arguments)


def test_numbers_of_faces_are_whole(samples):
    analyzer, photo = Analyzer(), samples / "eileen_collins.jpg"
    for face in ("0", 1.0, True):
        with pytest.raises(InputError, match="face: expected a whole number from 0 on"):
            analyzer.explain(photo, face=face)
        with pytest.raises(InputError, match="face: expected a whole number from 0 on"):
            analyzer.find_similar(photo, samples, face=face)
    with pytest.raises(InputError, match="max_faces: expected a whole number from 1 on"):
        analyzer.find_similar(photo, samples, max_faces=2.5)
    with pytest.raises(InputError, match="query: expected the path of an image, found bytes"):
        analyzer.find_similar(photo.read_bytes(), samples)


def test_the_notes_of_frames_are_those_of_their_results(samples):
    deep = read_image(samples / "eileen_collins.jpg").frame_rgb.astype(np.uint16) * 16
    (result,) = Analyzer().stream([(0.0, deep)])
    assert result.notes == ("holds 12-bit levels, scaled by their range of 0 to 4095",)
    assert len(result) == 1


def test_an_order_of_channels_is_read_or_refused(analyzer, samples):
    photo = samples / "eileen_collins.jpg"
    pixels = read_image(photo).frame_rgb
    with pytest.raises(InputError, match=r"channels: expected one of rgb.*found 'nonsense'"):
        analyzer.stream(photo, channels="nonsense")
    with pytest.raises(InputError, match="channels: only arrays and tensors need it"):
        analyzer.stream([photo], channels="bgr")
    with pytest.raises(InputError, match="channels: only arrays and tensors need it"):
        list(
            analyzer.stream([Frame(frame_rgb=pixels, source="a", timestamp_s=0.0)], channels="bgr")
        )
    (result,) = analyzer.stream([(0.0, pixels[..., ::-1])], channels="bgr")
    assert result.faces[0].emotion == "happy"
    assert list(analyzer.stream([], channels="bgr")) == []


@pytest.mark.parametrize("seconds", ["x", "1.5", None, [1.0], float("nan"), float("inf")])
def test_a_frame_without_a_number_of_seconds_is_refused(analyzer, seconds):
    pixels = np.full((64, 64, 3), 128, np.uint8)
    with pytest.raises(InputError, match="frame 0: expected"):
        list(analyzer.stream([(seconds, pixels)]))
    assert len(list(analyzer.stream([(np.float32(1.5), pixels)]))) == 1
