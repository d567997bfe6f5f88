import dataclasses

import numpy as np
import pytest

from mien.emotions import SIX
from mien.errors import InputError, OutputError
from mien.media import read_image
from mien.options import BaselineOptions
from mien.reports import (
    AnalysisDescription,
    NetworkDescription,
    VideoSummary,
    video_report,
)
from mien.reports.video.figures import share_figure
from mien.reports.video.units import unit_figures
from mien.structures import FrameResult
from mien.units import UNITS, HeadPose
from tests.conftest import SAMPLES
from tests.videos import gliding, write_video

ANALYSIS = AnalysisDescription(
    model=NetworkDescription("emotion", "12ab"),
    detector=NetworkDescription("face", "34cd"),
    unsure_below=0.5,
    min_face_px=24,
    smoothing_s=0.4,
    detect_every=None,
    max_fps=None,
)


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    photo = read_image(SAMPLES / "eileen_collins.jpg").frame_rgb[:, 40:480]
    frames = gliding(photo, seconds=4, per_second=10, size_hw=(400, 420))
    return str(write_video(tmp_path_factory.mktemp("video") / "holiday.mp4", frames))


def result(prediction, video, frame, emotion, *, track=0, unsure=False):
    probabilities = dict.fromkeys(SIX.labels, 0.04) | {emotion: 0.8}
    face = dataclasses.replace(
        prediction, source=video, frame=frame, timestamp_s=frame / 10, track=track,
        emotion=emotion, confidence=0.8, unsure=unsure, probabilities=probabilities,
    )  # fmt: skip
    return FrameResult(
        source=video, frame=frame, timestamp_s=frame / 10, width=420, height=400, faces=(face,)
    )


@pytest.fixture
def summary(prediction, video):
    """Sad for one second, happy for three."""
    found = VideoSummary()
    for frame in range(40):
        emotion = "sad" if frame < 10 else "happy"
        found.add(result(prediction, video, frame, emotion, unsure=frame < 4))
    return found


def test_the_report_says_who_showed_what_when(summary, tmp_path):
    path = tmp_path / "a.html"
    video_report(summary, path, analysis=ANALYSIS)
    text = path.read_text()
    assert "Person 1" in text
    assert "The most frequent expression is happy, 75% of the time" in text
    assert "<td>0:00.0</td><td>sad</td><td>1.0 s</td><td>80%</td>" in text
    assert "<td>0:01.0</td><td>happy</td><td>3.0 s</td><td>80%</td>" in text
    assert "10% of the predictions are unsure (ambiguous 100%)" in text
    assert "prohibits inferring emotions" in text
    assert "<tr><td>face detector</td><td>face</td></tr>" in text
    assert "<td>people are seen for</td><td>half a second, or with a high score</td>" in text
    assert "<tr><td>detection</td><td>8 times a second</td></tr>" in text
    assert text.count("data:image/jpeg") > 20
    assert text.count("data:image/png") >= 4
    with pytest.raises(OutputError, match="overwrite=True"):
        video_report(summary, path, analysis=ANALYSIS)


@pytest.mark.parametrize(
    ("baseline", "said"),
    [
        (None, "none"),
        (BaselineOptions(), "that of each person"),
        (BaselineOptions(people="one-person"), "that of one person"),
        (
            BaselineOptions(people="one-person", neutral=(0.0, 1.0, 0.0, 0.0, 0.0, 0.0)),
            "that of one person, by a neutral face",
        ),
    ],
)
def test_the_report_says_whose_baseline_was_taken_off(summary, tmp_path, baseline, said):
    path = tmp_path / "a.html"
    analysis = dataclasses.replace(ANALYSIS, baseline=baseline)
    video_report(summary, path, analysis=analysis, with_faces=False)
    assert f"<tr><td>baseline taken off</td><td>{said}</td></tr>" in path.read_text()


def with_units(prediction, video, frame, per_second):
    """A smile that grows, a blink at 1 s and at 3 s, and a head that nods at 2 s."""
    time_s = frame / per_second
    units = dict.fromkeys(UNITS, 0.0) | {"mouthSmileLeft": time_s / 20, "mouthSmileRight": 0.0}
    blinks = any(start <= time_s % 10 < start + 0.2 for start in (1, 3))
    pitch = -10.0 if 2 <= time_s % 10 < 2.4 else 0.0
    (face,) = result(prediction, video, frame, "happy")
    face = dataclasses.replace(
        face,
        timestamp_s=time_s,
        units=units,
        pose=HeadPose(yaw_deg=0.0, pitch_deg=0.0, roll_deg=0.0),
        raw_units=units | dict.fromkeys(("eyeBlinkLeft", "eyeBlinkRight"), 0.9 * blinks),
        raw_pose=HeadPose(yaw_deg=0.0, pitch_deg=pitch, roll_deg=0.0),
    )
    return FrameResult(source=video, frame=frame, timestamp_s=time_s, faces=(face,))


@pytest.mark.parametrize(("per_second", "blinks", "nods"), [(20, 4, 2), (5, None, None)])
def test_the_report_shows_what_moves_and_counts_blinks_and_nods(
    prediction, video, tmp_path, per_second, blinks, nods
):
    found = VideoSummary()
    for frame in range(20 * per_second):
        found.add(with_units(prediction, video, frame, per_second))
    path = tmp_path / "a.html"
    analysis = dataclasses.replace(ANALYSIS, unit_model=NetworkDescription("units", "56ef"))
    video_report(found, path, analysis=analysis, with_faces=False)
    text = path.read_text()
    assert "What moves" in text
    assert '"unit": "mouthSmile"' in text or '"unit":"mouthSmile"' in text
    assert "<tr><td>network of units</td><td>units</td></tr>" in text
    for name, count in (("blinks", blinks), ("nods", nods)):
        if count is None:
            assert f"<td>{name}</td><td>not counted</td><td></td>" in text
            assert "frames are at most 0.1 s apart" in text
        else:
            assert f"<td>{name}</td><td>{count}</td><td>{count * 3:.1f}</td>" in text


def test_blinks_per_minute_are_of_the_time_in_which_the_eyes_are_seen(prediction, video, tmp_path):
    found = VideoSummary()
    for frame in range(60 * 20):
        shown = with_units(prediction, video, frame, 20)
        if frame >= 20 * 20:  # the person turns away
            (face,) = shown.faces
            face = dataclasses.replace(
                face,
                units=None,
                pose=None,
                raw_units=None,
                raw_pose=None,
                units_missing="turned away",
            )
            shown = dataclasses.replace(shown, faces=(face,))
        found.add(shown)
    path = tmp_path / "a.html"
    video_report(found, path, analysis=ANALYSIS, with_faces=False)
    assert "<td>blinks</td><td>4</td><td>12.0</td>" in path.read_text()


def test_the_roll_of_a_head_is_averaged_over_the_circle(prediction, video, tmp_path):
    found = VideoSummary()
    for frame in range(100 * 60):  # so that a point of the chart is the mean of several frames
        shown = with_units(prediction, video, frame, 60)
        (face,) = shown.faces
        pose = HeadPose(yaw_deg=0.0, pitch_deg=0.0, roll_deg=(-179.0, 179.0)[frame % 2])
        shown = dataclasses.replace(shown, faces=(dataclasses.replace(face, pose=pose),))
        found.add(shown)
    figures = unit_figures(0, found.people[0], step_s=0.5)
    (head,) = (figure for figure in figures if figure.title == "The head")
    (rows,) = head.chart.to_dict()["datasets"].values()
    rolls = [row["value"] for row in rows if row["unit"].startswith("roll")]
    assert len(rolls) == 200
    assert all(abs(value) >= 179 for value in rolls)


def test_without_units_the_report_says_nothing_of_them(summary, tmp_path):
    path = tmp_path / "a.html"
    video_report(summary, path, analysis=ANALYSIS, with_faces=False)
    assert "What moves" not in path.read_text()
    assert "Blinks" not in path.read_text()


def test_without_images_there_is_no_face_in_the_report(summary, tmp_path):
    path = tmp_path / "a.html"
    video_report(summary, path, analysis=ANALYSIS, with_faces=False)
    assert "data:image" not in path.read_text()


def test_a_video_that_ended_early_or_shows_nobody_has_a_report_too(video, tmp_path):
    found = VideoSummary()
    with pytest.raises(InputError, match="no frame"):
        video_report(found, tmp_path / "a.html", analysis=ANALYSIS)
    for frame in range(10):
        found.add(FrameResult(source=video, frame=frame, timestamp_s=frame / 10))
    found.add(FrameResult(source=video, frame=10, error="damaged or cut off after 10 frames"))
    video_report(found, tmp_path / "a.html", analysis=ANALYSIS)
    text = (tmp_path / "a.html").read_text()
    assert "the video ended early: damaged or cut off" in text
    assert np.char.find(text, "Person") == -1


def test_more_changes_than_are_shown_are_counted(prediction, video, tmp_path):
    found = VideoSummary()
    for frame in range(205):
        found.add(result(prediction, video, frame, ("sad", "happy")[frame % 2]))
    video_report(found, tmp_path / "a.html", analysis=ANALYSIS, with_faces=False)
    text = (tmp_path / "a.html").read_text()
    assert "These are the first 200 of 205." in text
    assert text.count("<td>0.1 s</td>") == 200


def test_somebody_in_one_frame_shows_what_they_show_all_the_time():
    figure = share_figure(0, [SIX.labels.index("sad")], [3.0])
    assert figure.sentence == "The most frequent expression is sad, 100% of the time."


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"size_px": 20.0}, "small"),
        ({"truncation": 0.5}, "cut off"),
        ({"yaw_proxy": -0.8}, "turned away"),
        ({"roll_deg": 50.0}, "tilted"),
        ({"brightness": 0.05}, "dark"),
        ({}, "ambiguous"),
    ],
)
def test_an_unsure_answer_names_its_reason(prediction, change, reason):
    quality = dataclasses.replace(prediction.quality, **change)
    unsure = dataclasses.replace(prediction, quality=quality, unsure=True)
    assert unsure.unsure_reason == reason
    assert dataclasses.replace(unsure, unsure=False).unsure_reason is None
