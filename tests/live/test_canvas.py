import av
import numpy as np
import pytest

from mien.live.canvas import View, render
from mien.live.feed import LiveFrame
from mien.live.window import KEYS
from mien.media import VideoFrame
from mien.structures import FrameResult

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


def test_trouble_dims_the_last_frame(shown):
    calm = seen(size_wh=(640, 480), shown=shown)
    assert seen(size_wh=(640, 480), shown=shown, problem="away").mean() < 0.6 * calm.mean()


def test_a_recording_has_a_red_dot(shown):
    def reds(**what):
        image = seen(size_wh=(640, 480), shown=shown, status=("30 fps",), **what)
        return ((image[..., 0] > 180) & (image[..., 1:] < 90).all(axis=2)).sum()

    assert reds(recording=True) > 20 > reds()
