import numpy as np
import pytest

from mien.errors import FrameError
from mien.preprocess import FER_CROP, align_faces, crop_faces, similarity_transforms

PLACES = np.array(FER_CROP.landmarks_xy) * FER_CROP.size


def moved(scale: float, angle_deg: float, shift: tuple[float, float]) -> np.ndarray:
    """The crop's landmark places, turned, scaled and shifted into a frame."""
    angle = np.deg2rad(angle_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return ((PLACES - 24) * scale @ turn.T + shift).astype(np.float32)


def rendered(points: np.ndarray, shape: tuple[int, int], radius: float) -> list[np.ndarray]:
    """One frame per landmark: a bright Gaussian spot on black, centred on it."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    spots = [np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * radius**2)) for px, py in points]
    return [np.repeat((255 * spot).astype(np.uint8)[..., None], 3, axis=2) for spot in spots]


@pytest.mark.parametrize(
    ("scale", "angle_deg", "shift"),
    [
        (1.0, 0, (100, 90)),
        (0.6, 0, (60, 70)),
        (2.5, 20, (150.3, 140.7)),
        (4.9, -30, (220, 200)),
        (6.0, 75, (240, 230)),
    ],
)
def test_known_landmarks_are_found_at_the_template_places(scale, angle_deg, shift):
    points = moved(scale, angle_deg, shift)
    for place, frame_rgb in zip(PLACES, rendered(points, (440, 460), 2.0 * scale), strict=True):
        crop = crop_faces(frame_rgb, points[None])[0]
        y, x = np.mgrid[:48, :48] + 0.5
        weight = np.where(crop > 0.2 * crop.max(), crop, 0)
        centre = np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()
        assert np.abs(centre - place).max() < 0.1


def test_a_similarity_of_the_places_is_undone_exactly():
    points = moved(3.2, 41, (300, 120))
    a, b = similarity_transforms(points[None], FER_CROP)[0]
    back = a * (points[:, 0] + 1j * points[:, 1]) + b
    np.testing.assert_allclose(np.stack((back.real, back.imag), 1), PLACES, atol=1e-4)
    assert abs(a) == pytest.approx(1 / 3.2, rel=1e-5)


def test_a_frame_that_is_already_the_crop_comes_out_unchanged():
    luma = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
    crop = crop_faces(luma, PLACES[None].astype(np.float32))[0]
    np.testing.assert_allclose(crop, luma, atol=0.01)


def test_luma_and_grey_rgb_give_the_same_crop():
    luma = np.random.default_rng(1).integers(0, 256, (200, 220), np.uint8)
    points = moved(2.7, 10, (100, 100))[None]
    grey_rgb = np.repeat(luma[..., None], 3, axis=2)
    np.testing.assert_allclose(crop_faces(luma, points), crop_faces(grey_rgb, points), atol=0.01)


def test_reduction_keeps_the_mean_of_a_fine_chequerboard():
    chequered = (np.indices((480, 480)).sum(0) % 2 * 255).astype(np.uint8)
    crop = crop_faces(chequered, moved(8, 0, (240, 240))[None])[0]
    assert np.abs(crop - 127.5).max() < 1


def test_beyond_the_frame_its_border_goes_on():
    luma = np.full((60, 60), 200, np.uint8)
    crop = crop_faces(luma, moved(1, 0, (0, 0))[None])[0]
    np.testing.assert_allclose(crop, 200, atol=0.01)


def test_no_faces_give_no_crops():
    crops = crop_faces(np.zeros((10, 10, 3), np.uint8), np.zeros((0, 5, 2), np.float32))
    assert crops.shape == (0, 48, 48)
    assert crops.dtype == np.float32


@pytest.mark.parametrize(
    ("landmarks", "message"),
    [
        (np.zeros((1, 5, 2), np.float32), "one point"),
        (np.full((1, 5, 2), np.nan, np.float32), "not finite"),
        (np.zeros((5, 2), np.float32), r"expected \(F, 5, 2\)"),
    ],
)
def test_landmarks_that_span_no_face_are_refused(landmarks, message):
    with pytest.raises(FrameError, match=message):
        crop_faces(np.zeros((10, 10), np.uint8), landmarks)


def test_a_face_in_its_own_colours_has_the_luma_of_its_crop():
    rng = np.random.default_rng(4)
    frame = rng.integers(0, 256, (300, 400, 3)).astype(np.uint8)
    landmarks = np.float32([[[150, 100], [230, 110], [190, 150], [155, 190], [220, 195]]])
    face = align_faces(frame, landmarks, FER_CROP)
    assert face.shape == (1, 48, 48, 3)
    luma = face @ np.float32([0.299, 0.587, 0.114])
    np.testing.assert_allclose(luma, crop_faces(frame, landmarks), atol=0.01)
    grey = align_faces(frame[..., 0], landmarks, FER_CROP)
    np.testing.assert_array_equal(grey, crop_faces(frame[..., 0], landmarks))
    assert align_faces(frame, landmarks[:0], FER_CROP).shape == (0, 48, 48, 3)
