"""People on both sides of a cut are different people; one in a video of two sizes is the same."""

import numpy as np
import pytest
from PIL import Image

from mien import Analyzer
from mien.inference import LiveAnalysis, analyze_video
from mien.inference.sampling import sample_video
from mien.inference.video_state import VideoState
from mien.media import Video
from mien.options import VideoOptions
from tests.videos import two_people, write_video

CUT = 13
"""Not where faces are detected: these are frames 0, 3, 6, ..."""


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


@pytest.fixture(scope="module")
def people():
    return two_people()


@pytest.fixture(scope="module", params=["another place", "the same place"])
def cut_video(request, people, tmp_path_factory):
    """One person, then another, before another background or before the same."""
    first, second = people
    if request.param == "the same place":
        second, own = first.copy(), second
        second[40:185, 62:178] = own[40:185, 62:178]
    frames = [first] * CUT + [second] * 12
    path = tmp_path_factory.mktemp("cut") / "a.mp4"
    timed = ((number / 25, pixels) for number, pixels in enumerate(frames))
    return write_video(path, timed), second


def tracks(results):
    return [[face.track for face in result.faces] for result in results]


def test_after_a_cut_it_is_another_person_with_an_answer_of_its_own(analyzer, cut_video):
    path, _ = cut_video
    with Video(path) as video:
        results = list(analyze_video(analyzer.pipeline, video))
    with Video(path) as video:
        frame_rgb = [frame.rgb() for frame in video.frames()][CUT]
    assert tracks(results) == [[0]] * CUT + [[1]] * 12
    assert {result.faces[0].emotion for result in results[:CUT]} == {"happy"}
    # What the same pixels give alone: how a frame is compressed changes the answer, too.
    found, expected = results[CUT].faces[0], analyzer.analyze(frame_rgb).faces[0]
    assert "happy" not in (found.emotion, expected.emotion)
    # The second face is neutral or sad, about as probably.
    assert found.emotion in sorted(expected.probabilities, key=expected.probabilities.get)[-2:]
    for name, probability in expected.probabilities.items():
        assert found.probabilities[name] == pytest.approx(probability, abs=0.2)


@pytest.mark.parametrize("every", [1, 6])
def test_a_camera_and_frames_from_the_caller_follow_the_same_rule(analyzer, cut_video, every):
    path, _ = cut_video
    options = VideoOptions(detect_every=every)
    with Video(path) as video:
        frames = [(frame.timestamp_s, frame.rgb()) for frame in video.frames()]
    found = tracks(analyzer.stream(frames, video_options=options))
    assert found == [[0]] * CUT + [[1]] * 12


def test_the_search_for_similar_faces_follows_the_same_rule(analyzer, cut_video):
    path, _ = cut_video
    with Video(path) as video:
        found = [tracks([each.result]) for each in sample_video(analyzer.pipeline, video)]
    assert found == [[[0]]] * 4 + [[[1]]] * 4


@pytest.mark.parametrize("stop", [4, CUT - 1, CUT, CUT + 1])
def test_a_run_that_goes_on_near_a_cut_gives_the_same_results(analyzer, cut_video, stop):
    path, _ = cut_video
    options = VideoOptions()
    with Video(path) as video:
        whole = [result.to_dict() for result in analyze_video(analyzer.pipeline, video)]
    first, again = VideoState(options), VideoState(options)
    found, complete, kept = [], first.to_document(), 0
    with Video(path) as video:
        for result in analyze_video(analyzer.pipeline, video, options, state=first):
            found.append(result.to_dict())
            if first.is_complete:
                complete, kept = first.to_document(), len(found)
            if result.frame >= stop and first.is_complete:
                break
    again.restore(complete)
    with Video(path) as video:
        rest = [
            result.to_dict()
            for result in analyze_video(analyzer.pipeline, video, options, state=again)
        ]
    assert [*found[:kept], *rest] == whole


def test_a_flash_of_light_is_no_cut(analyzer, people, tmp_path):
    first, _ = people
    bright = (first * 1.7 + 60).clip(0, 255).astype(np.uint8)
    white = np.full_like(first, 255)
    frames = [first] * 7 + [bright] + [first] * 4 + [white] + [first] * 7
    timed = ((number / 25, pixels) for number, pixels in enumerate(frames))
    with Video(write_video(tmp_path / "a.mp4", timed)) as video:
        results = list(analyze_video(analyzer.pipeline, video))
    assert {track for each in tracks(results) for track in each} == {0}


def test_a_person_stays_the_same_when_the_frames_change_their_size(analyzer, people, tmp_path):
    first, _ = people
    half = np.asarray(Image.fromarray(first).resize((120, 120)))
    path = tmp_path / "both.ts"
    data = b""
    for number, pixels in enumerate((first, half)):
        timed = ((number + place / 25, pixels) for place in range(10))
        data += write_video(tmp_path / "part.ts", timed).read_bytes()
    path.write_bytes(data)
    with Video(path) as video:
        results = list(analyze_video(analyzer.pipeline, video))
        assert [result.width for result in results] == [240] * 10 + [120] * 10
        assert tracks(results) == [[0]] * 20
    with Video(path) as video:
        live = LiveAnalysis(analyzer.pipeline, VideoOptions(detect_every=4))
        assert tracks(map(live.analyze, video.frames())) == [[0]] * 20
