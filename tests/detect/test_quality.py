import numpy as np
import pytest

from mien.detect import face_quality
from mien.structures import Face

FRONTAL = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)
NOISE = np.random.default_rng(0).uniform(0, 255, (48, 48)).astype(np.float32)


def quality(box=(0, 0, 100, 100), landmarks=FRONTAL, crop=NOISE, frame_hw=(200, 200)):
    face = Face(box_xyxy=np.array(box, np.float32), landmarks_xy=landmarks, detection_score=0.9)
    return face_quality(face, crop, frame_hw)


@pytest.mark.parametrize(
    ("box", "size_px", "truncation"),
    [
        ((0, 0, 100, 120), 100, 0.0),
        ((-50, 0, 50, 100), 100, 0.5),
        ((150, 150, 250, 250), 100, 0.75),
        ((300, 300, 400, 400), 100, 1.0),
    ],
)
def test_size_and_the_share_outside_the_frame(box, size_px, truncation):
    found = quality(box=box)
    assert found.size_px == size_px
    assert found.truncation == pytest.approx(truncation)


@pytest.mark.parametrize(
    ("nose_x", "yaw_proxy"), [(50, 0.0), (70, 1.0), (30, -1.0), (60, 0.5), (90, 1.0)]
)
def test_yaw_follows_the_nose_between_the_eyes(nose_x, yaw_proxy):
    landmarks = FRONTAL.copy()
    landmarks[2, 0] = nose_x
    assert quality(landmarks=landmarks).yaw_proxy == pytest.approx(yaw_proxy)


@pytest.mark.parametrize(("left_eye", "roll_deg"), [((70, 40), 0), ((70, 80), 45), ((30, 80), 90)])
def test_roll_follows_the_eyes(left_eye, roll_deg):
    landmarks = FRONTAL.copy()
    landmarks[1] = left_eye
    assert quality(landmarks=landmarks).roll_deg == pytest.approx(roll_deg)


def test_brightness_is_the_mean_luma():
    assert quality(crop=np.full((48, 48), 51, np.float32)).brightness == pytest.approx(0.2)


def test_a_blurred_crop_is_less_sharp_at_any_contrast():
    blurred = (NOISE + np.roll(NOISE, 1, 0) + np.roll(NOISE, 1, 1)) / 3
    assert quality(crop=blurred).sharpness < 0.8 * quality(crop=NOISE).sharpness
    dimmed = NOISE / 4
    assert quality(crop=dimmed).sharpness == pytest.approx(quality(crop=NOISE).sharpness, rel=1e-4)


def test_landmarks_on_one_point_break_nothing():
    found = quality(landmarks=np.zeros((5, 2), np.float32), crop=np.zeros((48, 48), np.float32))
    assert np.isfinite([found.yaw_proxy, found.roll_deg, found.sharpness]).all()
