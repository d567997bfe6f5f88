"""Tests of the estimate of skin tone."""

import numpy as np
import pytest

from mien.metrics import skin_tone

BOX = np.array([10, 10, 50, 50], np.float32)


@pytest.mark.parametrize(
    ("rgb", "tone"),
    [
        ((245, 225, 210), "very light"),
        ((120, 80, 50), "brown"),
        ((60, 40, 28), "dark"),
        ((128, 128, 128), None),
    ],
)
def test_the_colour_inside_the_box_gives_the_class(
    rgb: tuple[int, int, int], tone: str | None
) -> None:
    image = np.full((60, 60, 3), (0, 0, 255), np.uint8)
    image[10:50, 10:50] = rgb
    assert skin_tone(image, BOX) == tone


def test_a_box_outside_the_image_has_no_tone() -> None:
    assert skin_tone(np.full((60, 60, 3), (120, 80, 50), np.uint8), BOX + 100) is None
