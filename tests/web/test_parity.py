"""The page's engine gives what Python gives, in a real browser."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.detect import OnnxDetector, decode_yunet, face_quality
from mien.inference import EmotionModel
from mien.media import VideoFrame
from mien.preprocess import FER_CROP, crop_faces
from mien.structures import Face, Faces
from mien.track import SamplingInterval, SceneCuts, Tracker
from mien.track.scenes import appearances
from mien.webpage.export import page_contract
from tests.videos import two_people

VECTORS = Path(__file__).parents[1] / "parity" / "smoother.json"
BASELINE = VECTORS.with_name("baseline.json")
PEOPLE = VECTORS.with_name("people.json")
SPARSE = VECTORS.with_name("sparse.json")


@pytest.fixture(scope="module")
def contract() -> dict[str, object]:
    return page_contract(EmotionModel(), OnnxDetector())


def image(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Make an image with coarse and fine structure."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (7, 9, 3), np.uint8)).resize((width, height))
    noise = random.integers(-20, 21, (height, width, 3))
    return (np.asarray(coarse).astype(int) + noise).clip(0, 255).astype(np.uint8)


def sent(pixels: np.ndarray) -> dict[str, object]:
    return {
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "rgb": pixels.ravel().tolist(),
    }


def placed(scale: float, turn: float, x: float, y: float) -> np.ndarray:
    """Place FER's landmarks somewhere in a frame."""
    points = np.array(FER_CROP.landmarks_xy) @ np.array([1, 1j])
    moved = (points - 0.5 - 0.5j) * scale * np.exp(1j * turn) + x + 1j * y
    return np.stack((moved.real, moved.imag), axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("height", "width", "to_height", "to_width"),
    [(90, 120, 60, 80), (97, 131, 20, 33), (240, 310, 31, 40), (40, 50, 64, 80), (64, 64, 64, 64)],
)
def test_images_are_scaled_as_pillow_does(parity, height, width, to_height, to_width):
    pixels = image(height, width)
    size = (to_width, to_height)
    expected = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR, reducing_gap=1.0)
    found = np.array(parity("resize", sent(pixels), to_width, to_height))
    assert np.abs(found - np.asarray(expected).ravel().astype(int)).max() <= 1


@pytest.mark.parametrize(
    ("scale", "turn", "x", "y"),
    [(40, 0.0, 60, 50), (130, 0.3, 70, 60), (47.5, -0.5, 5, 8), (200, 0.1, 110, 80)],
)
def test_faces_are_cut_out_alike(parity, scale, turn, x, y):
    pixels = image(110, 140, seed=1)
    landmarks = placed(scale, turn, x, y)
    expected = crop_faces(pixels, landmarks[None])[0]
    places = [list(point) for point in FER_CROP.landmarks_xy]
    found = parity("crop", sent(pixels), landmarks.tolist(), places, FER_CROP.size)
    assert np.abs(np.array(found) - expected.ravel()).max() < 0.05


def test_cells_are_decoded_alike(parity):
    random = np.random.default_rng(3)
    outputs = {}
    for stride in (8, 16, 32):
        cells = (128 // stride) * (160 // stride)
        outputs[f"cls_{stride}"] = random.uniform(-0.1, 1.1, (cells, 1)).astype(np.float32)
        outputs[f"obj_{stride}"] = random.uniform(-0.1, 1.1, (cells, 1)).astype(np.float32)
        outputs[f"bbox_{stride}"] = random.normal(0, 0.8, (cells, 4)).astype(np.float32)
        outputs[f"kps_{stride}"] = random.normal(0, 1, (cells, 10)).astype(np.float32)
    settings = {"strides": [8, 16, 32], "score_threshold": 0.6, "nms_iou": 0.3}
    expected = decode_yunet(outputs, input_hw=(128, 160), **settings)
    lists = {name: values.ravel().tolist() for name, values in outputs.items()}
    options = {"strides": [8, 16, 32], "threshold": 0.6, "iou": 0.3}
    found = parity("decode", lists, 160, 128, options)
    assert len(found) == len(expected) > 5
    np.testing.assert_allclose([face["box"] for face in found], expected.boxes_xyxy, atol=1e-3)
    np.testing.assert_allclose(
        [face["landmarks"] for face in found], expected.landmarks_xy, atol=1e-3
    )


def test_heads_are_combined_and_calibrated_alike(parity, contract):
    model = EmotionModel()
    random = np.random.default_rng(4)
    outputs = {
        output.name: random.normal(0, 3, (5, 8 if output.labels == "ferplus-8" else 7))
        for output in model.spec.outputs
        if output.name in ("logits", "fer2013_logits")
    }
    outputs = {name: values.astype(np.float32) for name, values in outputs.items()}
    expected = model.combine(outputs)
    lists = {name: values.ravel().tolist() for name, values in outputs.items()}
    for face in range(5):
        found = parity("combine", contract, lists, face)
        np.testing.assert_allclose(found, expected[face], atol=1e-5)


def test_the_smoother_keeps_to_its_vectors(parity, contract):
    vectors = json.loads(VECTORS.read_text())
    options = {**contract["smoothing"], **vectors["options"]}
    found = parity("smooth", contract, options, vectors["steps"])
    for step, here in zip(vectors["steps"], found, strict=True):
        np.testing.assert_allclose(here["probabilities"], step["smoothed"], atol=2e-6)
        assert here["label"] == step["label"]


def test_baselines_are_taken_off_alike(parity, contract):
    vectors = json.loads(BASELINE.read_text())
    found = parity("baseline", contract, vectors["spec"], vectors["steps"])
    for step, here in zip(vectors["steps"], found, strict=True):
        np.testing.assert_allclose(here["offset"], step["offset"], atol=1e-9)
        np.testing.assert_allclose(here["uncorrected"], step["uncorrected"], atol=1e-9)
        np.testing.assert_allclose(here["probabilities"], step["corrected"], atol=1e-9)
        assert here["label"] == step["label"]


def test_people_keep_the_same_numbers(parity, contract):
    random = np.random.default_rng(5)
    tracker = Tracker()
    frames, expected = [], []
    places = random.uniform(50, 500, (4, 2))
    speeds = random.normal(0, 60, (4, 2))
    for number in range(60):
        here = [p for p in range(4) if random.random() > 0.25]
        centres = places[here] + speeds[here] * number / 15 + random.normal(0, 3, (len(here), 2))
        boxes = np.concatenate((centres - 40, centres + 40), axis=1).astype(np.float32)
        boxes = boxes.reshape(len(here), 4)
        faces = Faces(
            boxes_xyxy=boxes,
            landmarks_xy=np.zeros((len(here), 5, 2), np.float32),
            detection_scores=np.ones(len(here), np.float32),
        )
        expected.append(tracker.update(faces, number / 15))
        frames.append({"boxes": boxes.tolist(), "timestamp_s": number / 15})
    assert parity("track", contract, frames) == expected
    assert max(map(max, filter(None, expected))) >= 3


def test_who_is_found_less_often_is_remembered_for_longer(parity, contract):
    vectors = json.loads(SPARSE.read_text())
    times = [step["timestamp_s"] for step in vectors["tracker"]]
    intervals = [step["interval_s"] for step in vectors["tracker"]]
    np.testing.assert_allclose(parity("intervals", contract, times), intervals, atol=1e-9)
    found = parity("track", contract, vectors["tracker"])
    assert found == [step["numbers"] for step in vectors["tracker"]]
    found = parity("smooth", contract, contract["smoothing"], vectors["smoother"])
    for step, here in zip(vectors["smoother"], found, strict=True):
        np.testing.assert_allclose(here["probabilities"], step["smoothed"], atol=2e-6)
        assert here["label"] == step["label"]


def test_detections_of_a_video_are_as_far_apart(parity, contract):
    times = [0.0, 0.1, 0.2, 1.5, 2.8, 2.8, 2.83, 12.0, 12.1, 12.2]
    for least_s in (0.0, 0.12):
        interval = SamplingInterval(least_s)
        expected = [interval.update(time_s) for time_s in times]
        found = parity("sampling", contract, least_s, times)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_the_same_tracks_are_people(parity, contract):
    searches = json.loads(PEOPLE.read_text())["searches"]
    assert parity("people", contract, searches) == [each["numbers"] for each in searches]


def test_scenes_are_cut_at_the_same_frames(parity, contract):
    a, b = (pixels[::2, ::2] for pixels in two_people())
    both = a.copy()
    both[20:92, 31:89] = b[20:92, 31:89]
    flash = (a * 1.8 + 50).clip(0, 255).astype(np.uint8)
    blends = [(share * a + (1 - share) * b).astype(np.uint8) for share in (0.9, 0.6, 0.2, 0.7)]
    pan = [image(120, 200, seed=2)[:, left : left + 120] for left in (0, 25, 60)]
    frames = [a, a, b, b[::2, ::3], np.zeros_like(a), b, a, flash, both, a, *blends, *pan, pan[0]]
    cuts = SceneCuts()
    expected = [
        cuts.is_cut(VideoFrame.from_rgb(np.ascontiguousarray(pixels), "a", number, number / 25))
        for number, pixels in enumerate(frames)
    ]
    assert parity("cuts", contract, [sent(pixels) for pixels in frames]) == expected
    assert 3 <= sum(expected) <= len(frames) / 2


@pytest.mark.parametrize("size", [48, 40])
def test_appearances_are_the_same(parity, contract, size):
    crop = image(size, size, seed=7)[..., 0].astype(np.float32) * 0.99
    found = parity("appearance", contract, crop.ravel().tolist())
    assert np.abs(np.array(found) - appearances(crop[None]).ravel()).max() <= 1


def test_who_takes_a_persons_place_is_another_one_alike(parity, contract):
    a, b = (Image.fromarray(pixels[40:185, 62:178]) for pixels in two_people())
    first, second = (np.asarray(one.convert("L").resize((48, 48)), np.float32) for one in (a, b))
    steps = [
        # seconds, crops, left sides, scale of the frame
        (0.0, [first], [100], 1),
        (0.1, [first * 0.6 + 20], [102], 1),
        (0.2, [second], [102], 1),
        (0.3, [first, second], [104, 130], 1),
        (0.4, [second, first], [208, 260], 2),
        (0.8, [first], [208], 2),
        (0.9, [], [], 1),
        (1.0, [first], [104], 1),
    ]
    tracker, frames, expected = Tracker(), [], []
    for time_s, crops, lefts, scale in steps:
        boxes = np.array([(x, 80 * scale, x + 60 * scale, 150 * scale) for x in lefts], np.float32)
        faces = Faces(
            boxes_xyxy=boxes.reshape(-1, 4),
            landmarks_xy=np.zeros((len(lefts), 5, 2), np.float32),
            detection_scores=np.ones(len(lefts), np.float32),
        )
        size_wh = (320 * scale, 240 * scale)
        tracker.resize(size_wh)
        expected.append(
            tracker.update(faces, time_s, crops=np.array(crops, np.float32).reshape(-1, 48, 48))
        )
        frames.append(
            {
                "boxes": boxes.tolist(),
                "timestamp_s": time_s,
                "crops": [crop.ravel().tolist() for crop in crops],
                "size_wh": size_wh,
            }
        )
    assert parity("track", contract, frames) == expected
    assert expected[:3] == [[0], [0], [1]]


def test_quality_is_measured_alike(parity, contract):
    pixels = image(110, 140, seed=6)
    landmarks = placed(60, 0.6, 30, 20)
    box = np.array([-10, -15, 55, 60], np.float32)
    crop = crop_faces(pixels, landmarks[None])[0]
    face = Face(box_xyxy=box, landmarks_xy=landmarks, detection_score=1.0)
    expected = face_quality(face, crop, (110, 140))
    given = {"box": box.tolist(), "landmarks": landmarks.tolist()}
    found = parity("quality", contract, given, crop.ravel().tolist(), 140, 110)
    for name, value in found["quality"].items():
        assert value == pytest.approx(getattr(expected, name), abs=1e-3)
    assert found["reason"] == "cut off"
