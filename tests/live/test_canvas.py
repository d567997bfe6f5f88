import dataclasses
import itertools

import av
import numpy as np
import pytest

from mien.live.canvas import View, render
from mien.live.feed import LiveFrame
from mien.live.window import KEYS
from mien.media import VideoFrame
from mien.structures import FrameResult
from mien.units import UNITS, HeadPose

BACKGROUND = (17, 20, 26)


@pytest.fixture
def shown(prediction):
    """A frame that is white at the left and black at the right, with a face at the left."""
    pixels = np.zeros((240, 320, 3), np.uint8)
    pixels[:, :160] = 255
    frame = VideoFrame.of("a", 0, 0.0, av.VideoFrame.from_ndarray(pixels, "rgb24"))
    result = FrameResult(source="a", width=320, height=240, faces=(prediction,))
    return LiveFrame(frame, result, 0.0, 30.0)


def seen(**what):
    return np.asarray(render(View(**what))).astype(int)


def test_the_frame_fills_a_window_of_its_shape_and_is_centred_in_others(shown):
    assert seen(size_wh=(640, 480), shown=shown, mirror=False)[400, 300].min() > 240
    tall = seen(size_wh=(320, 640), shown=shown, mirror=False)
    assert tuple(tall[100, 100]) == BACKGROUND
    assert tall[430, 100].min() > 240


def test_a_mirror_swaps_the_sides_of_image_and_boxes(shown):
    plain = seen(size_wh=(320, 240), shown=shown, mirror=False)
    mirrored = seen(size_wh=(320, 240), shown=shown, mirror=True)
    assert plain[200, 60].min() > 240 > 15 > mirrored[200, 60].max()
    assert np.abs(plain[80, 10] - mirrored[80, 309]).max() < 60  # the box's left edge
    assert plain[80, 10].min() < 240


@pytest.mark.parametrize("size", [(200, 150), (420, 260), (1280, 720), (2560, 1440), (300, 900)])
@pytest.mark.parametrize(
    "what",
    [
        {"message": "saved " + "a very long name " * 9},
        {"problem": "camera:0: connection lost (No such device). Reconnecting"},
        {"keys": tuple(KEYS.items())},
        {"status": ("30 fps", "12 ms", "paused"), "recording": True},
    ],
)
def test_every_message_is_shown_in_windows_of_all_sizes(shown, size, what):
    assert (seen(size_wh=size, **what) != BACKGROUND).any() or "status" in what
    assert (seen(size_wh=size, shown=shown, **what) != seen(size_wh=size, shown=shown)).any()


@pytest.mark.parametrize("size", [(200, 150), (1280, 720), (300, 900)])
def test_units_of_the_largest_face_are_listed_at_the_right_if_they_are_read(shown, size):
    plain = seen(size_wh=size, shown=shown)
    (face,) = shown.result.faces
    pose = HeadPose(yaw_deg=12.0, pitch_deg=-3.0, roll_deg=0.0)
    smile = dict.fromkeys(UNITS, 0.0) | {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8}
    images = [plain]
    for fields in (
        {"units": smile, "pose": pose},
        {"units": smile | {"jawOpen": 0.5}, "pose": pose},
        {"units": dict.fromkeys(UNITS, 0.0), "pose": pose},
        {"units_missing": "turned away"},
    ):
        result = dataclasses.replace(shown.result, faces=(dataclasses.replace(face, **fields),))
        images.append(seen(size_wh=size, shown=dataclasses.replace(shown, result=result)))
    assert all((a != b).any() for a, b in itertools.combinations(images, 2))
    changed = np.flatnonzero((images[1] != plain).any(axis=(0, 2)))
    assert changed.min() > size[0] // 2 or size[0] < 400


def test_trouble_dims_the_last_frame(shown):
    calm = seen(size_wh=(640, 480), shown=shown)
    assert seen(size_wh=(640, 480), shown=shown, problem="away").mean() < 0.6 * calm.mean()


def test_a_recording_has_a_red_dot(shown):
    def reds(**what):
        image = seen(size_wh=(640, 480), shown=shown, status=("30 fps",), **what)
        return ((image[..., 0] > 180) & (image[..., 1:] < 90).all(axis=2)).sum()

    assert reds(recording=True) > 20 > reds()
