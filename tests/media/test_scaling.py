"""Scaling by FFmpeg gives what Pillow gives, whatever the sizes and the layout in memory."""

import numpy as np
import pytest
from PIL import Image

from mien.media import read_image, scale_rgb
from tests.conftest import SAMPLES


@pytest.mark.parametrize(
    ("size_hw", "to_hw"),
    [
        ((240, 320), (160, 213)),
        ((121, 67), (81, 45)),
        ((90, 120), (180, 240)),
        ((8, 8), (16, 16)),
        ((9, 500), (9, 320)),
    ],
)
def test_it_is_pillows_bilinear(size_hw, to_hw):
    photo = Image.fromarray(read_image(next(iter(sorted(SAMPLES.glob("*.jpg"))))).frame_rgb)
    image = photo.resize(size_hw[::-1])
    expected = np.asarray(image.resize(to_hw[::-1], Image.Resampling.BILINEAR)).astype(int)
    mirrored = np.asarray(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))[:, ::-1]
    for pixels in (np.asarray(image), mirrored):
        found = scale_rgb(pixels, to_hw)
        assert found.shape == (*to_hw, 3)
        assert found.dtype == np.uint8
        differences = np.abs(found - expected)
        assert differences.mean() < 0.5
        assert differences.max() <= 8
