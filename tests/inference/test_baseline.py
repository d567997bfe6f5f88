"""Baselines in images, videos and live analysis, and in runs that are resumed."""

import json

import numpy as np
import pytest
from PIL import Image

from mien import Analyzer
from mien.emotions import SIX
from mien.errors import InputError, OptionsError, SpecError
from mien.inference import LiveAnalysis
from mien.media import Video, read_image
from mien.options import BaselineOptions, VideoOptions
from mien.runs import RunOptions, analyze_to, journal
from mien.track import Baselines, corrected, mean_offset, neutral_offset
from tests.baselines import BASELINE, model_with_baseline, model_without_baseline
from tests.runs.test_analysis import Stop, stopping_after
from tests.videos import gliding, write_video

TRACKS = VideoOptions(baseline=BaselineOptions())
ONE_PERSON = VideoOptions(baseline=BaselineOptions(people="one-person"))


@pytest.fixture(scope="module")
def analyzer(tmp_path_factory):
    return Analyzer(model_with_baseline(tmp_path_factory.mktemp("model") / "emotion.onnx"))


@pytest.fixture(scope="module")
def inputs(samples, tmp_path_factory):
    """Two photos of one face, one that cannot be read, a video, and another photo."""
    folder = tmp_path_factory.mktemp("inputs")
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    other = read_image(samples / "grace_hopper.jpg").frame_rgb
    Image.fromarray(photo).save(folder / "a.png")
    Image.fromarray(other).save(folder / "b.png")
    (folder / "broken.png").write_bytes(b"no image")
    write_video(folder / "c.mp4", gliding(photo, seconds=2, per_second=5, size_hw=(400, 400)))
    Image.fromarray(photo[:, ::-1]).save(folder / "d.png")
    return folder


def shares(probabilities):
    return np.array(tuple(probabilities.values()))


def test_rows_of_a_video_have_the_probabilities_before_and_after(analyzer, inputs):
    path = inputs / "c.mp4"
    plain = [face for result in analyzer.stream(path) for face in result]
    faces = [face for result in analyzer.stream(path, video_options=TRACKS) for face in result]
    assert [face.uncorrected for face in faces] == [face.probabilities for face in plain]
    assert faces[0].probabilities == pytest.approx(plain[0].probabilities)
    assert faces[-1].probabilities != pytest.approx(plain[-1].probabilities, abs=1e-5)
    assert {face.emotion for face in faces} == {face.emotion for face in plain} == {"happy"}
    row = faces[-1].to_row()
    assert row["uncorrected"] == plain[-1].probabilities
    assert plain[-1].to_row()["uncorrected"] == dict.fromkeys(SIX.labels)


def test_images_of_one_person_are_corrected_together(analyzer, inputs):
    paths = [inputs / "a.png", inputs / "b.png", inputs / "d.png"]
    plain = np.stack([shares(analyzer.analyze(path)[0].probabilities) for path in paths])
    offset = mean_offset(plain, BASELINE)
    results = list(analyzer.stream(paths, video_options=ONE_PERSON))
    for result, before in zip(results, plain, strict=True):
        np.testing.assert_allclose(shares(result[0].uncorrected), before, atol=1e-6)
        expected = corrected(before, offset)
        np.testing.assert_allclose(shares(result[0].probabilities), expected, atol=1e-6)
        assert result[0].confidence == pytest.approx(expected.max())


def test_images_have_no_tracks_and_stay_as_they_are(analyzer, inputs):
    (result,) = analyzer.stream(inputs / "a.png", video_options=TRACKS)
    assert result[0].uncorrected is None


def test_a_known_neutral_face_is_answered_neutral(analyzer, inputs):
    neutral = analyzer.neutral_face(inputs / "a.png")
    known = BaselineOptions(people="one-person", neutral=neutral)
    options = VideoOptions(baseline=known)
    offset = neutral_offset(np.array(neutral), BASELINE)
    (image,) = analyzer.stream(inputs / "a.png", video_options=options)
    expected = corrected(np.array(neutral), offset)
    np.testing.assert_allclose(shares(image[0].probabilities), expected, atol=1e-6)
    *_, last = analyzer.stream(inputs / "c.mp4", video_options=options)
    expected = corrected(shares(last[0].uncorrected), offset)
    np.testing.assert_allclose(shares(last[0].probabilities), expected, atol=1e-9)


def test_a_neutral_face_is_one_face(analyzer, samples):
    photo = read_image(samples / "eileen_collins.jpg").frame_rgb
    with pytest.raises(InputError, match="expected one face, the neutral one, found 2 faces"):
        analyzer.neutral_face(np.concatenate((photo, photo), axis=1))
    with pytest.raises(InputError, match="expected one face, the neutral one, found none"):
        analyzer.neutral_face(np.zeros((64, 64, 3), np.uint8))


def test_a_network_without_it_is_refused_before_anything_is_read(tmp_path, inputs):
    analyzer = Analyzer(model_without_baseline(tmp_path / "plain.onnx"))
    message = r"plain\.onnx: field 'six\.baseline': expected .* found none\. Leave out"
    with pytest.raises(SpecError, match=message):
        analyzer.stream(inputs / "c.mp4", video_options=TRACKS)
    with pytest.raises(SpecError, match=message):
        analyze_to(
            tmp_path / "out", [inputs], options=RunOptions(video=ONE_PERSON), analyzer=analyzer
        )
    assert not (tmp_path / "out").exists()
    live = LiveAnalysis(analyzer.pipeline)
    with pytest.raises(SpecError, match=message):
        live.set_neutral()


def test_a_run_of_images_alone_has_no_tracks(analyzer, inputs):
    with pytest.raises(OptionsError, match="images have no tracks; one-person"):
        analyze_to(None, [inputs / "a.png"], options=RunOptions(video=TRACKS), analyzer=analyzer)


@pytest.mark.parametrize("options", [TRACKS, ONE_PERSON], ids=["tracks", "one-person"])
@pytest.mark.parametrize("count", [1, 8])
def test_a_run_that_was_stopped_ends_with_the_same_rows(
    analyzer, inputs, tmp_path, monkeypatch, options, count
):
    monkeypatch.setattr(journal, "_INTERVAL_S", 0.0)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    analyze_to(whole, [inputs], options=RunOptions(video=options), analyzer=analyzer)
    with pytest.raises(Stop):
        analyze_to(
            parts,
            [inputs],
            options=RunOptions(video=options),
            analyzer=analyzer,
            on_result=stopping_after(count),
        )
    resumed = RunOptions(video=options, resume=True)
    analyze_to(parts, [inputs], options=resumed, analyzer=analyzer)
    text = (whole / "results.jsonl").read_text()
    assert (parts / "results.jsonl").read_text() == text
    rows = [json.loads(line) for line in text.splitlines()]
    known = [row for row in rows if "error" not in row and row["uncorrected"]["sad"] is not None]
    assert len({row["source"] for row in known}) == (1 if options is TRACKS else 4)


def test_a_live_person_says_which_face_is_neutral(analyzer, inputs):
    live = LiveAnalysis(analyzer.pipeline, VideoOptions(detect_every=1))
    with Video(str(inputs / "c.mp4")) as video:
        frames = list(video.frames())
        before = [live.analyze(frame) for frame in frames[:5]]
        live.set_neutral()
        noted, *after = [live.analyze(frame) for frame in frames[5:]]
    assert all(face.uncorrected is None for result in before for face in result)
    offset = neutral_offset(shares(noted[0].uncorrected), BASELINE)
    for result in after:
        expected = corrected(shares(result[0].uncorrected), offset)
        np.testing.assert_allclose(shares(result[0].probabilities), expected, atol=1e-9)
    assert after[0][0].probabilities["neutral"] > 10 * before[-1][0].probabilities["neutral"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"people": "everybody"}, "people: expected tracks or one-person, found 'everybody'"),
        (
            {"people": "one-person", "neutral": (1.0,)},
            r"neutral: expected a tuple of 6 probabilities that sum to 1, found \(1\.0,\)",
        ),
        (
            {"people": "one-person", "neutral": (0.5,) * 6},
            "neutral: expected a tuple of 6 probabilities that sum to 1",
        ),
        ({"neutral": (1.0, 0, 0, 0, 0, 0)}, "needs people='one-person', found 'tracks'"),
    ],
)
def test_options_say_what_is_wrong_with_them(fields, message):
    with pytest.raises(InputError, match=message):
        BaselineOptions(**fields)


def test_options_of_a_video_take_no_word_for_a_baseline():
    with pytest.raises(
        InputError, match="baseline: expected BaselineOptions or None, found 'tracks'"
    ):
        VideoOptions(baseline="tracks")


def test_a_clip_has_baselines_where_they_are_wanted(analyzer):
    assert isinstance(analyzer.pipeline.baselines(TRACKS), Baselines)
    assert analyzer.pipeline.baselines(VideoOptions()) is None
