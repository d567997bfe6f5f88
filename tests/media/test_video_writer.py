import numpy as np

from mien.media import Video, VideoWriter


def test_a_frame_of_another_size_is_fitted_into_the_video(tmp_path):
    white = [np.full((*size, 3), 255, np.uint8) for size in ((96, 128), (192, 256), (96, 64))]
    path = tmp_path / "video.mp4"
    with VideoWriter(path, size_hw=(96, 128)) as writer:
        for number, frame in enumerate(white):
            writer.write(frame, number / 25)
    with Video(path) as video:
        whole, shrunk, narrow = (frame.rgb() for frame in video.frames())
    assert whole.shape == shrunk.shape == narrow.shape == (96, 128, 3)
    assert min(whole.min(), shrunk.min()) > 240
    # What is half as wide stands in the middle, between black borders.
    assert narrow[:, 40:88].min() > 240
    assert max(narrow[:, :24].max(), narrow[:, -24:].max()) < 15


def test_an_odd_row_and_column_are_lost(tmp_path):
    with VideoWriter(tmp_path / "video.mp4", size_hw=(97, 129)) as writer:
        writer.write(np.full((97, 129, 3), 128, np.uint8), 0.0)
    with Video(tmp_path / "video.mp4") as video:
        assert next(video.frames()).rgb().shape == (96, 128, 3)
