import numpy as np

from mien.media import Film, FilmWriter


def test_a_frame_of_another_size_is_fitted_into_the_film(tmp_path):
    white = [np.full((*size, 3), 255, np.uint8) for size in ((96, 128), (192, 256), (96, 64))]
    path = tmp_path / "film.mp4"
    with FilmWriter(path, size_hw=(96, 128)) as writer:
        for number, frame in enumerate(white):
            writer.write(frame, number / 25)
    with Film(path) as film:
        whole, shrunk, narrow = (frame.rgb() for frame in film.frames())
    assert whole.shape == shrunk.shape == narrow.shape == (96, 128, 3)
    assert min(whole.min(), shrunk.min()) > 240
    # What is half as wide stands in the middle, between black borders.
    assert narrow[:, 40:88].min() > 240
    assert max(narrow[:, :24].max(), narrow[:, -24:].max()) < 15


def test_an_odd_row_and_column_are_lost(tmp_path):
    with FilmWriter(tmp_path / "film.mp4", size_hw=(97, 129)) as writer:
        writer.write(np.full((97, 129, 3), 128, np.uint8), 0.0)
    with Film(tmp_path / "film.mp4") as film:
        assert next(film.frames()).rgb().shape == (96, 128, 3)
