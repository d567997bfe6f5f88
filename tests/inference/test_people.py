"""Who is seen for a moment, with a low score, is nobody: in videos, live, and when resumed."""

import json

import numpy as np
import pytest

from mien import Analyzer
from mien.inference import LiveAnalysis, analyze_video, holding
from mien.inference.sampling import sample_video
from mien.inference.video_state import VideoState
from mien.media import Video
from mien.options import VideoOptions
from mien.structures import Faces
from tests.videos import write_video

RATE = 8
DARKEST, STEP = 40, 4

EVERY_FRAME = VideoOptions(detect_every=1)


class Scripted:
    """Finds faces by the grey level of a frame, which says its number."""

    def __init__(self, script):
        self.script = script

    def detect(self, frame_rgb, *, min_face_px=24):
        number = round((float(frame_rgb.mean()) - DARKEST) / STEP)
        found = self.script.get(number, {})
        lefts = np.array(list(found), np.float32)
        boxes = np.stack((lefts, 0 * lefts + 20, lefts + 40, 0 * lefts + 60), axis=1)
        face = np.array([(13, 16), (27, 16), (20, 24), (14, 30), (26, 30)], np.float32)
        corners = boxes[:, None, :2]
        return Faces(
            boxes_xyxy=boxes.reshape(-1, 4),
            landmarks_xy=(corners + face).reshape(-1, 5, 2),
            detection_scores=np.array(list(found.values()), np.float32),
        )


NOBODY = {3: 0.65, 4: 0.7, 8: 0.62, 20: 0.61}
WEAK = dict.fromkeys(range(6, 16), 0.7)
STRONG = dict.fromkeys(range(8, 24), 0.95)

SCRIPT = {
    number: {
        left: scores[number]
        for left, scores in ((10, NOBODY), (90, WEAK), (170, STRONG))
        if number in scores
    }
    for number in range(24)
}


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer(detector=Scripted(SCRIPT))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Plain grey frames of three seconds, each a little lighter than the one before."""
    frames = (
        (number / RATE, np.full((100, 240, 3), DARKEST + STEP * number, np.uint8))
        for number in range(24)
    )
    return write_video(tmp_path_factory.mktemp("people") / "a.mp4", frames)


def analysed(analyzer, path, options=EVERY_FRAME, state=None):
    with Video(path) as video:
        return list(analyze_video(analyzer.pipeline, video, options, state=state))


def tracks(results):
    return [sorted(face.track for face in result.faces) for result in results]


PEOPLE = [[0] * (number in WEAK) + [1] * (number in STRONG) for number in range(24)]


def test_a_video_has_all_rows_of_people_and_none_of_nobody(analyzer, path):
    results = analysed(analyzer, path)
    assert [result.frame for result in results] == list(range(24))
    assert tracks(results) == PEOPLE
    for result in results:
        assert [face.face for face in result] == list(range(len(result)))
        assert {face.box_xyxy[0] for face in result} <= {90, 170}


def test_the_rows_are_the_same_where_they_have_to_wait_less(analyzer, path, monkeypatch):
    monkeypatch.setattr(holding, "MAX_HELD_FRAMES", 2)
    results = analysed(analyzer, path)
    assert [result.frame for result in results] == list(range(24))
    # The weak one is a person from the fifth detection on; all but two frames before have gone.
    assert tracks(results)[6:12] == [[], [], [0, 1], [0, 1], [0, 1], [0, 1]]


def test_a_camera_shows_people_from_when_they_are_known(analyzer, path):
    live = LiveAnalysis(analyzer.pipeline, EVERY_FRAME)
    with Video(path) as video:
        results = [live.analyze(frame) for frame in video.frames()]
    known = [[1] * (10 <= number < 16) + [0] * (number >= 8) for number in range(24)]
    assert tracks(results) == [sorted(each) for each in known]


def test_sampled_frames_follow_the_same_rule(analyzer, path):
    with Video(path) as video:
        samples = list(sample_video(analyzer.pipeline, video))
    assert tracks(each.result for each in samples) == PEOPLE
    for each in samples:
        assert {len(values) for values in each.outputs.values()} == {len(each.result)}


@pytest.mark.parametrize(("shortest_s", "people"), [(0.0, 4), (0.625, 3), (1.5, 1), (2.0, 0)])
def test_people_last_for_the_time_that_is_asked_for(analyzer, path, shortest_s, people):
    options = VideoOptions(detect_every=1, min_duration_s=shortest_s)
    numbers = {track for each in tracks(analysed(analyzer, path, options)) for track in each}
    assert numbers == set(range(people))


def test_rows_say_whether_a_face_was_detected_or_followed(analyzer, path):
    results = analysed(analyzer, path, VideoOptions(detect_every=4))
    found = {result.frame: {face.found for face in result} for result in results if result.faces}
    detected = {number for number in found if number % 4 == 0 or number == 23}
    assert {number for number, words in found.items() if words == {"detected"}} == detected
    assert all(found[number] == {"followed"} for number in found.keys() - detected)


def test_a_live_face_that_is_followed_says_so(path):
    analyzer = Analyzer(detector=Scripted({number: {90: 0.95} for number in range(24)}))
    live = LiveAnalysis(analyzer.pipeline, VideoOptions(detect_every=3))
    with Video(path) as video:
        found = [live.analyze(frame).faces[0].found for frame in video.frames()]
    assert found == ["detected", "followed", "followed"] * 8


@pytest.mark.parametrize("stop", range(0, 24, 3))
def test_a_run_that_goes_on_gives_the_same_rows_wherever_it_stopped(analyzer, path, stop):
    whole = [result.to_dict() for result in analysed(analyzer, path)]
    state = VideoState(EVERY_FRAME)
    found, complete, kept = [], json.dumps(state.to_document()), 0
    with Video(path) as video:
        for result in analyze_video(analyzer.pipeline, video, EVERY_FRAME, state=state):
            found.append(result.to_dict())
            if state.is_complete:
                complete, kept = json.dumps(state.to_document()), len(found)
            if result.frame == stop:
                break
    again = VideoState(EVERY_FRAME)
    again.restore(json.loads(complete))
    rest = [result.to_dict() for result in analysed(analyzer, path, state=again)]
    assert [*found[:kept], *rest] == whole


def test_what_is_held_back_is_restored_to_the_last_bit(analyzer, path):
    state = VideoState(EVERY_FRAME)
    with Video(path) as video:
        for result in analyze_video(analyzer.pipeline, video, EVERY_FRAME, state=state):
            if state.held.items:
                break
            assert result.frame < 10
    again = VideoState(EVERY_FRAME)
    again.restore(json.loads(json.dumps(state.to_document())))
    assert [(item, list(known)) for item, _, known in again.held.items] == [
        (item, list(known)) for item, _, known in state.held.items
    ]


def test_a_damaged_video_keeps_the_frames_that_were_held_back(analyzer, path):
    from mien.errors import MediaError

    class Cut(Video):
        def frames(self, *, per_second=None):
            for frame in super().frames(per_second=per_second):
                if frame.frame == 8:
                    raise MediaError(self.source, "damaged or cut off after 8 frames")
                yield frame

    with Cut(path) as video:
        results = list(analyze_video(analyzer.pipeline, video, EVERY_FRAME))
    assert [result.frame for result in results] == [*range(8), 7]
    assert results[-1].error is not None
