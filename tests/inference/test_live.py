import numpy as np
import pytest

from mien import Analyzer, analyze_to
from mien.inference import LiveAnalysis
from mien.live.feed import Feed
from mien.media import Video, read_image
from mien.options import VideoOptions
from mien.structures import Faces
from mien.track.redetect import redetect_in_roi
from tests.conftest import SAMPLES
from tests.streams import http_server, motion_jpeg
from tests.videos import gliding, write_video


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.fixture(scope="module")
def photo():
    return read_image(SAMPLES / "eileen_collins.jpg").frame_rgb


@pytest.fixture(scope="module")
def video(tmp_path_factory, photo):
    """The astronaut drifts by 112 pixels in 2 seconds, as quickly as people move at a desk."""
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    return write_video(path, gliding(photo, seconds=2, per_second=25, size_hw=(400, 400)))


def analysed(analyzer, video, every):
    live = LiveAnalysis(analyzer.pipeline, VideoOptions(detect_every=every))
    with Video(video) as opened:
        return [live.analyze(frame) for frame in opened.frames()]


def test_followed_faces_are_where_detection_finds_them(analyzer, video):
    each, sixth = analysed(analyzer, video, 1), analysed(analyzer, video, 6)
    for a, b in zip(each, sixth, strict=True):
        assert [face.track for face in b.faces] == [0]
        side = a.faces[0].quality.size_px
        apart = np.subtract(a.faces[0].landmarks_xy, b.faces[0].landmarks_xy)
        assert np.hypot(*apart.T).mean() < 0.1 * side
    labels = [{result.faces[0].emotion for result in results} for results in (each, sixth)]
    assert labels[0] == labels[1] == {"happy"}


def test_a_face_that_is_gone_stays_until_the_next_detection(analyzer, tmp_path, photo):
    frames = list(gliding(photo, seconds=1, per_second=10, size_hw=(400, 400)))
    dark = [(time, pixels if time < 0.35 else pixels * 0) for time, pixels in frames]
    results = analysed(analyzer, write_video(tmp_path / "a.mp4", dark), 6)
    assert [len(result.faces) for result in results] == [1] * 6 + [0] * 4


def test_a_person_keeps_the_number_where_frames_come_seldom(analyzer, tmp_path, photo):
    frames = ((2.0 * number, photo[:400, 40:440]) for number in range(4))
    results = analysed(analyzer, write_video(tmp_path / "a.mp4", frames), None)
    assert [face.track for result in results for face in result.faces] == [0] * 4


def test_nobody_is_followed_where_nobody_was(analyzer, video):
    with Video(video) as opened:
        frame = next(iter(opened.frames()))
    assert len(redetect_in_roi(analyzer.detector, frame, Faces.none())) == 0


def test_two_are_not_followed_to_one_face(analyzer, video):
    with Video(video) as opened:
        frame = next(iter(opened.frames()))
    face = analyzer.detector.detect(frame.rgb())
    side = face.boxes_xyxy[0, 2] - face.boxes_xyxy[0, 0]
    shift = np.array([0.4 * side, 0], np.float32)
    beside = Faces(
        boxes_xyxy=np.concatenate([face.boxes_xyxy, face.boxes_xyxy + np.tile(shift, 2)]),
        landmarks_xy=np.concatenate([face.landmarks_xy, face.landmarks_xy + shift]),
        detection_scores=np.repeat(face.detection_scores, 2),
    )
    again = redetect_in_roi(analyzer.detector, frame, beside)
    np.testing.assert_allclose(again.boxes_xyxy[0], face.boxes_xyxy[0], atol=0.1 * side)
    np.testing.assert_array_equal(again.boxes_xyxy[1], beside.boxes_xyxy[1])


def test_what_gives_access_to_a_stream_is_in_no_result_and_no_file(analyzer, photo, tmp_path):
    images = [photo[:400, 40:440]] * 6
    shown = []

    def stop(result):
        shown.append(result)
        raise KeyboardInterrupt

    with http_server([motion_jpeg(images, per_second=20)]) as address:
        secret = address.replace("http://", "HTTP://me:hidden1@") + "?token=hidden2"
        with pytest.raises(KeyboardInterrupt):
            analyze_to(tmp_path, secret, analyzer=analyzer, on_start=shown.append, on_result=stop)
    rows = "".join(path.read_text() for path in tmp_path.iterdir())
    assert '"source": "HTTP://***@127.0.0.1' in rows
    (closed,) = analyzer.stream("http://me:hidden1@127.0.0.1:9/hidden?pwd=hidden2")
    assert closed.source == "http://***@127.0.0.1:9/hidden?pwd=***"
    feed = Feed("rtsp://me:hidden1@cam/a", analyzer.pipeline)
    said = [rows, feed.source, closed.error, *map(repr, (*shown, closed))]
    assert not [text for text in said if "hidden1" in text or "hidden2" in text]


def test_a_gap_of_a_stream_is_a_row(analyzer, photo, monkeypatch):
    from mien.media import live_source

    monkeypatch.setattr(live_source, "_FIRST_WAIT_S", 0.05)
    images = [photo[:400, 40:440]] * 10
    answers = [motion_jpeg(images, per_second=20) for _ in range(2)]
    with http_server(answers) as address:
        results = []
        for result in analyzer.stream(address, video_options=VideoOptions(max_fps=10)):
            results.append(result)
            if len(results) > 5 and results[-2].error is not None:
                break
    gap = results[-2]
    assert gap.error.startswith("no frames for ")
    assert gap.to_rows()[0]["timestamp_s"] == results[-1].timestamp_s
    assert all(result.faces[0].emotion == "happy" for result in results if not result.error)
    assert len(results) < 20
