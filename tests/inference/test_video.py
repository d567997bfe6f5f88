import dataclasses
import gc
import itertools
import json
import threading
import time

import numpy as np
import pytest

from mien import Analyzer
from mien.inference import analyze_video
from mien.inference import video as video_module
from mien.inference.prefetch import prefetch
from mien.inference.sampling import sample_video
from mien.inference.video_state import VideoState
from mien.media import Video, VideoFrame, read_image
from mien.options import VideoOptions
from tests.videos import gliding, write_video


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.fixture(scope="module")
def photo():
    from tests.conftest import SAMPLES

    return read_image(SAMPLES / "eileen_collins.jpg").frame_rgb


def video_of(photo, path, *, per_second, seconds=2.0):
    """The astronaut, standing nearly still, without the rocket beside her."""
    frames = gliding(photo[:, 20:360], seconds=seconds, per_second=per_second, size_hw=(320, 320))
    return write_video(path, frames)


def test_a_video_gives_a_row_per_frame_with_one_person(analyzer, photo, tmp_path):
    path = video_of(photo, tmp_path / "a.mp4", per_second=25)
    with Video(path) as video:
        results = list(analyze_video(analyzer.pipeline, video))
    assert [result.frame for result in results] == list(range(50))
    assert all(len(result.faces) == 1 for result in results)
    assert {face.track for result in results for face in result.faces} == {0}
    assert {face.emotion for result in results for face in result.faces} == {"happy"}
    alone = analyzer.analyze(photo[:320, 20:340])
    first, still = results[0].faces[0], alone.faces[0]
    np.testing.assert_allclose(first.box_xyxy, still.box_xyxy, atol=12)
    for result in results:
        assert sum(result.faces[0].probabilities.values()) == pytest.approx(1)


def test_faces_between_detections_lie_between_them(analyzer, photo, tmp_path):
    path = video_of(photo, tmp_path / "a.mp4", per_second=25, seconds=1)
    with Video(path) as video:
        each = list(analyze_video(analyzer.pipeline, video, VideoOptions(detect_every=1)))
    with Video(path) as video:
        fourth = list(analyze_video(analyzer.pipeline, video, VideoOptions(detect_every=4)))
    apart = [
        np.abs(np.subtract(a.faces[0].box_xyxy, b.faces[0].box_xyxy)).mean()
        for a, b in zip(each, fourth, strict=True)
    ]
    assert np.mean(apart) < 5  # of a face of a hundred pixels


def test_the_same_video_at_10_25_and_60_frames_changes_at_the_same_times(analyzer, photo, tmp_path):
    def labels(per_second):
        """A face that darkens to black and comes back: labels over time."""

        def frames():
            for at, pixels in gliding(
                photo[:, 40:480], seconds=2, per_second=per_second, size_hw=(400, 400)
            ):
                light = 1.0 if at < 0.7 or at > 1.3 else 0.3
                yield at, (pixels * light).astype(np.uint8)

        path = write_video(tmp_path / f"{per_second}.mp4", frames())
        with Video(path) as video:
            found = [
                (result.timestamp_s, result.faces[0].emotion)
                for result in analyze_video(analyzer.pipeline, video, VideoOptions(max_fps=None))
                if result.faces
            ]
        changes = [found[0]]
        changes += [b for a, b in itertools.pairwise(found) if a[1] != b[1]]
        return changes

    slow, usual, fast = (labels(rate) for rate in (10, 25, 60))
    assert [name for _, name in slow] == [name for _, name in usual] == [name for _, name in fast]
    for changes in zip(slow, usual, fast, strict=True):
        times = [at for at, _ in changes]
        assert max(times) - min(times) <= 0.2


@pytest.mark.parametrize(
    "options",
    [
        VideoOptions(max_fps=1),
        VideoOptions(max_fps=0.5),
        VideoOptions(max_fps=240),
        VideoOptions(detect_every=40),
    ],
    ids=["1 a second", "1 in 2 seconds", "more than there are", "every 40th"],
)
def test_a_person_keeps_the_number_however_seldom_the_video_is_looked_at(
    analyzer, photo, tmp_path, options
):
    still = photo[:400, 40:440]
    # 29.97 a second, so that whole seconds fall between two frames.
    frames = ((number * 1001 / 30_000, still) for number in range(240))
    path = write_video(tmp_path / "video.mp4", frames)
    with Video(path) as video:
        results = list(analyze_video(analyzer.pipeline, video, options))
    assert len(results) >= 4
    assert {face.track for result in results for face in result.faces} == {0}


@pytest.fixture(scope="module")
def sparse_video(photo, tmp_path_factory):
    """A still face, for two seconds in 60 frames a second, and then in one every 1.3 seconds."""
    times = [number / 60 for number in range(120)] + [2 + 1.3 * number for number in range(6)]
    frames = ((time_s, photo[:400, 40:440]) for time_s in times)
    return write_video(tmp_path_factory.mktemp("video") / "sparse.mp4", frames)


def test_where_frames_are_sparse_faces_are_detected_in_each_and_people_stay(analyzer, sparse_video):
    with Video(sparse_video) as video:
        results = list(analyze_video(analyzer.pipeline, video))
    assert [face.track for result in results for face in result.faces] == [0] * 126
    assert {result.faces[0].found for result in results[120:]} == {"detected"}
    assert {result.faces[0].found for result in results[:120]} == {"detected", "followed"}


def test_a_run_that_goes_on_where_frames_are_sparse_gives_the_same_results(analyzer, sparse_video):
    with Video(sparse_video) as video:
        whole = [result.to_dict() for result in analyze_video(analyzer.pipeline, video)]
    first, again = VideoState(VideoOptions()), VideoState(VideoOptions())
    found = []
    with Video(sparse_video) as video:
        for result in analyze_video(analyzer.pipeline, video, state=first):
            found.append(result.to_dict())
            if result.frame >= 122 and first.is_complete:
                break
    again.restore(json.loads(json.dumps(first.to_document())))
    with Video(sparse_video) as video:
        rest = analyze_video(analyzer.pipeline, video, state=again)
        found += [result.to_dict() for result in rest]
    assert found == whole


def test_sampled_people_keep_the_number_where_frames_are_sparse(analyzer, sparse_video):
    with Video(sparse_video) as video:
        results = [outputs.result for outputs in sample_video(analyzer.pipeline, video)]
    assert len(results) > 10
    assert {face.track for result in results for face in result.faces} == {0}


@pytest.mark.parametrize("decimals", [3, 9], ids=["milliseconds", "exact"])
@pytest.mark.parametrize("per_second", [5, 12, 20, 24, 25, 28, 30, 60])
def test_at_a_constant_rate_faces_are_detected_in_every_nth_frame(
    analyzer, tmp_path, monkeypatch, per_second, decimals
):
    green = np.full((96, 128, 3), (0, 255, 0), np.uint8)
    frames = ((round(number / per_second, decimals), green) for number in range(per_second))
    found, analyze = [], video_module._analyze_window

    def noted(pipeline, window, state):
        found.append(window.frames[-1].frame)
        return analyze(pipeline, window, state)

    monkeypatch.setattr(video_module, "_analyze_window", noted)
    with Video(write_video(tmp_path / "a.mp4", frames)) as video:
        list(analyze_video(analyzer.pipeline, video))
        every = max(1, round(video.frames_per_second / 8))
    last = per_second - 1
    assert found == sorted({*range(0, per_second, every), last})


def test_a_damaged_video_keeps_what_was_decoded_and_says_so(analyzer, photo, tmp_path):
    path = video_of(photo, tmp_path / "a.mp4", per_second=25)

    class Cut(Video):
        def frames(self, *, per_second=None):
            from mien.errors import MediaError

            for frame in super().frames(per_second=per_second):
                if frame.frame == 20:
                    raise MediaError(self.source, "damaged or cut off after 20 frames: here")
                yield frame

    with Cut(path) as video:
        results = list(analyze_video(analyzer.pipeline, video))
    assert len(results) == 21
    assert all(result.faces for result in results[:20])
    assert "cut off after 20 frames" in results[-1].error


def test_stream_mixes_images_and_videos_and_goes_on_after_errors(
    analyzer, photo, tmp_path, samples
):
    path = video_of(photo, tmp_path / "a.mp4", per_second=10, seconds=0.5)
    (tmp_path / "b.mp4").write_bytes(b"no video")
    results = list(analyzer.stream([path, tmp_path / "b.mp4", samples / "eileen_collins.jpg"]))
    assert len(results) == 5 + 1 + 1
    assert results[5].error is not None
    assert results[6].timestamp_s is None
    assert results[6].faces[0].track is None
    assert json.dumps(results[0].to_rows())


def test_whoever_asks_no_more_stops_the_pipeline(analyzer, photo, tmp_path):
    path = video_of(photo, tmp_path / "a.mp4", per_second=25)
    before = threading.active_count()
    with Video(path) as video:
        results = analyze_video(analyzer.pipeline, video)
        next(results)
        results.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_running_ahead_keeps_order_bounds_and_errors():
    made = []

    def numbers():
        for number in range(100):
            made.append(number)
            yield number
        raise ValueError("at the end")

    items = prefetch(numbers(), 3)
    assert next(items) == 0
    time.sleep(0.2)
    assert len(made) <= 6
    rest = []
    with pytest.raises(ValueError, match="at the end"):
        for item in items:
            rest.append(item)
    assert rest == list(range(1, 100))


HD, UHD_8 = 1920 * 1080 * 3 // 2, 8192 * 4608 * 3 // 2


@pytest.mark.parametrize(
    ("frame_bytes", "every", "expected"),
    [
        (HD, 4, (4, 24, 3)),
        (HD, 1000, (317, 0, 0)),
        (4 * HD, 8, (8, 24, 3)),
        (UHD_8, 4, (4, 6, 0)),
        (2 * UHD_8, 3, (3, 0, 0)),
        (2 * UHD_8, 50, (8, 0, 0)),
    ],
)
def test_the_larger_frames_are_the_fewer_are_held(frame_bytes, every, expected):
    depths = video_module._Depths.of(frame_bytes, every)
    assert dataclasses.astuple(depths) == expected
    assert depths.held * frame_bytes <= 1e9 or depths.every == 8


def test_frames_far_apart_in_which_faces_are_detected_hold_no_whole_video(
    analyzer, tmp_path, monkeypatch
):
    green = np.full((96, 128, 3), (0, 255, 0), np.uint8)
    path = write_video(tmp_path / "a.mp4", ((n / 25, green) for n in range(41)))
    held, analyze = [], video_module._analyze_window

    def counted(*given):
        held.append(sum(type(each) is VideoFrame for each in gc.get_objects()))
        return analyze(*given)

    monkeypatch.setattr(video_module, "_analyze_window", counted)
    with Video(path) as video:
        assert video.frame_bytes >= 96 * 128 * 3 // 2
        monkeypatch.setattr(video_module, "_MAX_HELD_BYTES", 15 * video.frame_bytes)
        results = list(analyze_video(analyzer.pipeline, video, VideoOptions(detect_every=1000)))
    assert [result.frame for result in results] == list(range(41))
    assert len(held) == 5  # in the first frame, and then every 11
    assert max(held) <= 15
