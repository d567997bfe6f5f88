import errno

import pytest
from PIL import Image

from mien.drawing import write_image
from mien.errors import OutputError


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
def test_an_image_on_a_full_disk_is_refused_and_leaves_nothing(tmp_path, monkeypatch, name):
    """Pillow would leave the part that fits and report no error."""

    def full(path, data):
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OutputError, match=rf"{name}: cannot write: No space left"):
        write_image(Image.new("RGB", (64, 64)), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_image_that_its_format_cannot_hold_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"a\.jpg: cannot write"):
        write_image(Image.new("RGB", (70_000, 1)), tmp_path / "a.jpg")
    assert not list(tmp_path.iterdir())
