"""A video that the page writes with its boxes, in a real browser."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from mien.emotions import COLOURS
from tests.web.driving import analysed, choose, ready


def test_a_video_is_saved_with_its_boxes_frame_by_frame(opened, video):
    page = opened(worker="fake")
    ready(page)
    choose(page, video)
    count = analysed(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Video with boxes").click()
    path = Path(download.value.path())
    with av.open(path) as written, av.open(video) as given:
        frames = [frame.to_ndarray(format="rgb24") for frame in written.decode(video=0)]
        plain = next(given.decode(video=0)).to_ndarray(format="rgb24")
    assert len(frames) == count == 45
    assert frames[0].shape == plain.shape == (480, 480, 3)
    # The fake worker's box lies from a quarter of the image to 7/12.
    wanted = [int(COLOURS["happy"][place : place + 2], 16) for place in (1, 3, 5)]
    for frame in (frames[0], frames[-1]):
        edge = frame[150:250, 118:123].astype(float).mean(axis=0)
        assert min(np.abs(column - wanted).max() for column in edge) < 40
        untouched = frame[300:, 300:].astype(float) - plain[300:, 300:]
        assert np.abs(untouched).mean() < 6
    assert page.locator(".keep [role=status]").count() == 0


def test_a_browser_that_cannot_write_videos_says_so(opened, video):
    script = "delete window.VideoEncoder"
    page = opened(worker="fake", prepare=lambda page: page.add_init_script(script))
    ready(page)
    choose(page, video)
    analysed(page)
    page.get_by_role("button", name="Video with boxes").click()
    page.get_by_text("This browser cannot write this video. mien analyze --draw").wait_for()


def test_a_damaged_video_that_cannot_be_written_is_called_damaged(opened, tmp_path):
    path = tmp_path / "damaged.mp4"
    faststart = {"movflags": "+faststart"}
    with av.open(str(path), "w", format="mp4", options=faststart) as video:
        stream = video.add_stream("libx264", rate=20, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        noise = np.random.default_rng(1).integers(0, 256, (30, 96, 128, 3), np.uint8)
        for pixels in noise:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        video.mux(stream.encode(None))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = b"\xaa" * 20_000
    path.write_bytes(content)
    page = opened(worker="fake")
    ready(page)
    choose(page, path)
    told = page.locator(".fault", has_text="The video is damaged after")
    told.wait_for()
    assert "frames. What was read is kept." in told.inner_text()
    page.get_by_role("button", name="Video with boxes").click()
    page.get_by_text("The video is damaged, so it cannot be written with boxes.").wait_for()
