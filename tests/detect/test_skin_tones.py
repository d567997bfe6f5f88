"""Tests of the estimate of skin tone."""

import numpy as np
import pytest

from mien.detect import SKIN_TONES, skin_tone, skin_tone_deg

BOX = np.array([10, 10, 50, 50], np.float32)


def painted(rgb: tuple[int, int, int]) -> np.ndarray:
    """Return an image with a face of one colour in `BOX`, on blue."""
    image = np.full((60, 60, 3), (0, 0, 255), np.uint8)
    image[10:50, 10:50] = rgb
    return image


# L* and b* by the CIE under D65: 90.7 and 9.8, 37.8 and 24.3, 18.2 and 11.6.
@pytest.mark.parametrize(
    ("rgb", "angle_deg", "tone"),
    [
        ((245, 225, 210), 76.5, "very light"),
        ((120, 80, 50), -26.7, "brown"),
        ((60, 40, 28), -69.9, "dark"),
    ],
)
def test_the_colour_inside_the_box_gives_the_angle_and_its_class(rgb, angle_deg, tone):
    found = skin_tone_deg(painted(rgb), BOX)
    assert found == pytest.approx(angle_deg, abs=0.2)
    assert skin_tone(found) == tone


@pytest.mark.parametrize(
    "rgb", [(128, 128, 128), (255, 255, 255), (0, 0, 0), (150, 150, 180), (200, 120, 200)]
)
def test_a_face_without_the_yellow_of_skin_has_no_tone(rgb):
    assert skin_tone_deg(painted(rgb), BOX) is None


def test_a_box_outside_the_image_has_no_tone():
    assert skin_tone_deg(painted((120, 80, 50)), BOX + 100) is None


def test_every_angle_has_a_class():
    assert [skin_tone(angle) for angle in (90, 55, 41, 28, 10, -30, -90)] == [
        "very light",
        *(name for name, _ in SKIN_TONES[1:]),
        "dark",
    ]
