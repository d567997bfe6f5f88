import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from mien.detect import (
    YUNET_OUTPUTS,
    OnnxDetector,
    box_coverage,
    box_iou,
    decoder,
    padded_input,
    yunet_spec,
)
from mien.errors import ArtefactError, FrameError, SpecError
from mien.media import read_image
from mien.structures import Faces
from tests.networks import detector_file, emotion_file


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(ArtefactError, match="no such model file"):
        OnnxDetector(tmp_path / "gone.onnx")


def test_a_file_that_is_no_network_says_so(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"hello")
    with pytest.raises(ArtefactError, match="not an ONNX file that can be run"):
        OnnxDetector(path)


def test_a_network_without_spec_and_of_another_layout_is_refused(tmp_path):
    with pytest.raises(SpecError, match=r"without 'mien\.spec', tried as YuNet.*no output 'cls_8'"):
        OnnxDetector(detector_file(tmp_path / "a.onnx", {}, outputs=YUNET_OUTPUTS[1:]))


def test_a_network_without_spec_but_of_yunets_layout_is_taken(tmp_path):
    detector = OnnxDetector(detector_file(tmp_path / "a.onnx", {}))
    assert detector.spec.name == "yunet"
    assert detector.score_threshold == 0.6


def test_an_emotion_network_is_no_detector(tmp_path):
    with pytest.raises(SpecError, match="field 'task': expected 'detection', found 'emotion'"):
        OnnxDetector(emotion_file(tmp_path / "a.onnx"))


@pytest.fixture
def stub(monkeypatch, tmp_path):
    """A detector whose network always sees one face, a quarter into its scaled image."""
    detector = OnnxDetector(detector_file(tmp_path / "a.onnx", {}))
    seen = []

    def detect_scaled(image_rgb):
        seen.append(image_rgb.shape[:2])
        height, width = image_rgb.shape[:2]
        box = np.array([[0.25 * width, 0.25 * height, 0.5 * width, 0.5 * height]], np.float32)
        centre = (box[:, None, :2] + box[:, None, 2:]) / 2
        return Faces(
            boxes_xyxy=box,
            landmarks_xy=np.repeat(centre, 5, axis=1),
            detection_scores=np.array([0.9], np.float32),
        )

    monkeypatch.setattr(detector, "_detect_at_own_size", detect_scaled)
    detector.seen = seen
    return detector


@pytest.mark.parametrize(
    ("frame_hw", "min_face_px", "network_hw"),
    [
        ((480, 640), 16, (480, 640)),
        ((480, 640), 24, (320, 427)),
        ((480, 640), 8, (960, 1280)),
        ((480, 640), 64, (240, 320)),
        ((4000, 6000), 75, (853, 1280)),
        ((40, 30), 24, (40, 30)),
        ((20, 1900), 24, (13, 1267)),
    ],
)
def test_the_network_sees_a_size_that_fits_and_faces_come_back_in_frame_pixels(
    stub, frame_hw, min_face_px, network_hw
):
    height, width = frame_hw
    frame = np.zeros((*frame_hw, 3), np.uint8)
    faces = stub.detect(frame, min_face_px=min_face_px)
    close_hw = tuple(round(320 * side / max(network_hw)) for side in network_hw)
    assert stub.seen == [network_hw, close_hw][: 1 + (max(network_hw) > 480)]
    expected = [[0.25 * width, 0.25 * height, 0.5 * width, 0.5 * height]]
    if min(0.25 * width, 0.25 * height) >= min_face_px:
        np.testing.assert_allclose(faces.boxes_xyxy, expected, rtol=1e-5)
        np.testing.assert_allclose(
            faces.landmarks_xy[0, 0], [0.375 * width, 0.375 * height], rtol=1e-5
        )
    else:
        assert len(faces) == 0


class SeesMarks:
    """Finds each white square on black, if it is whole and of a size that a network sees."""

    def __init__(self, monkeypatch, detector):
        self.runs = []
        monkeypatch.setattr(detector, "_detect_at_own_size", self)

    def __call__(self, image_rgb):
        self.runs.append(image_rgb.shape[:2])
        grey = image_rgb[..., 0] > 128
        boxes = []
        while grey.any():
            y, x = (int(place[0]) for place in np.nonzero(grey))
            right = x + int((~grey[y, x:]).argmax() or grey.shape[1] - x)
            bottom = y + int((~grey[y:, x]).argmax() or grey.shape[0] - y)
            grey[y:bottom, x:right] = False
            if min(right - x, bottom - y) >= 12:
                boxes.append([x, y, right, bottom])
        boxes = np.array(boxes, np.float32).reshape(-1, 4)
        return Faces(
            boxes_xyxy=boxes,
            landmarks_xy=np.zeros((len(boxes), 5, 2), np.float32),
            detection_scores=np.full(len(boxes), 0.9, np.float32),
        )


def close_up(photo, box_xyxy, size_wh, share):
    """Cut a photo so that its face takes a share of the height, or of the width if that is less."""
    left, top, right, bottom = box_xyxy
    width, height = size_wh
    scale = min(share * height / (bottom - top), share * width / (right - left))
    x, y = (left + right) / 2 - width / scale / 2, (top + bottom) / 2 - height / scale / 2
    matrix = (1 / scale, 0, x, 0, 1 / scale, y)
    moved = photo.transform(
        size_wh, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor=(90, 90, 90)
    )
    corners = np.array([left, top, right, bottom]).reshape(2, 2) - (x, y)
    return np.asarray(moved), (corners * scale).ravel().astype(np.float32)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("size_wh", [(640, 480), (1280, 720), (1080, 1920), (4000, 3000)])
@pytest.mark.parametrize("name", ["eileen_collins", "grace_hopper"])
def test_a_face_is_found_however_close_it_is(samples, name, size_wh, share):
    detector = OnnxDetector()
    with Image.open(samples / f"{name}.jpg") as photo:
        box = detector.detect(np.asarray(photo.convert("RGB"))).boxes_xyxy[0]
        frame, wanted = close_up(photo.convert("RGB"), box, size_wh, share)
    faces = detector.detect(frame)
    assert box_iou(wanted[None], faces.boxes_xyxy[:1])[0, 0] > 0.7
    inside = box_coverage(faces.boxes_xyxy[:1], faces.boxes_xyxy[1:])
    assert not (inside > 0.5).any(), "parts of it are no faces"


def test_small_and_large_faces_of_a_huge_image_are_found_once_each(monkeypatch, tmp_path):
    detector = OnnxDetector(detector_file(tmp_path / "a.onnx", {}))
    network = SeesMarks(monkeypatch, detector)
    frame = np.zeros((2000, 3000, 3), np.uint8)
    # Small ones in the corners and on every seam of the tiles, and one larger than the overlap.
    places = [(0, 0, 20), (2979, 1979, 20), (1275, 700, 20), (860, 900, 30), (1300, 1000, 900)]
    for x, y, side in places:
        frame[y : y + side, x : x + side] = 255
    faces = detector.detect(frame, min_face_px=16)
    assert max(max(shape) for shape in network.runs) <= 1280
    found = {tuple(box) for box in faces.boxes_xyxy.round().astype(int).tolist()}
    for x, y, side in places:
        pixels = 2 * 3000 / 320  # two of the smallest input, in which large faces are found
        near = [box for box in found if abs(box[0] - x) + abs(box[2] - x - side) < pixels]
        assert len(near) == 1, (x, y, side, found)
    assert len(faces) == len(places)


@pytest.mark.parametrize("value", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_what_is_no_frame_is_refused(stub, value):
    with pytest.raises(FrameError):
        stub.detect(value)


def test_the_baseline_works_by_its_path(shared):
    detector = OnnxDetector(shared / "models" / "yunet_n_dynamic.onnx")
    for name, count in (("single_face.jpg", 1), ("multi_face.jpg", 5)):
        faces = detector.detect(read_image(shared / "media" / name).frame_rgb)
        assert len(faces) == count
        sizes = (faces.boxes_xyxy[:, 2:] - faces.boxes_xyxy[:, :2]).min(axis=1)
        assert (np.diff(sizes) <= 0).all()


def test_the_network_takes_what_its_spec_says():
    spec = yunet_spec("new", mean=100.0, std=50.0).input
    batch = padded_input(np.full((20, 40, 3), (200, 150, 100), np.uint8), spec)
    assert batch.shape == (1, 3, 32, 64)
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch[0, :, 19, 39], [0, 1, 2])  # blue first
    np.testing.assert_array_equal(batch[0, :, [19, 20], [40, 0]], -2)  # black


def test_an_unknown_layout_names_the_known(tmp_path):
    spec = yunet_spec("new")
    other = dataclasses.replace(spec.detection, layout="retina")
    metadata = dataclasses.replace(spec, detection=other).to_metadata()
    path = detector_file(tmp_path / "a.onnx", metadata)
    with pytest.raises(SpecError, match=r"'detection\.layout': expected one of yunet, found 'ret"):
        OnnxDetector(path)


def test_a_spec_without_a_layout_is_yunets(tmp_path):
    document = json.loads(yunet_spec("old").to_metadata()["mien.spec"])
    del document["detection"]["layout"]
    metadata = {"mien.spec": json.dumps(document)}
    detector = OnnxDetector(detector_file(tmp_path / "a.onnx", metadata))
    assert detector.spec.detection.layout == "yunet"
    assert OnnxDetector().spec.detection.layout == "yunet"


def test_outputs_are_decoded_by_the_layout_that_the_spec_names(tmp_path, monkeypatch):
    spec = yunet_spec("new")
    other = dataclasses.replace(spec.detection, layout="retina", score_threshold=0.5)
    metadata = dataclasses.replace(spec, detection=other).to_metadata()
    asked = []

    def decode(outputs, **options):
        asked.append((set(outputs), options))
        return Faces.none()

    monkeypatch.setattr(decoder, "LAYOUTS", {"retina": decode})
    path = detector_file(tmp_path / "a.onnx", metadata)
    assert len(OnnxDetector(path).detect(np.zeros((100, 200, 3), np.uint8))) == 0
    expected = {"strides": (8, 16, 32), "score_threshold": 0.5, "nms_iou": 0.3}
    # The first one tries the network; both are rounded up to its multiple of 32.
    assert asked == [
        (set(YUNET_OUTPUTS), {"input_hw": size, **expected}) for size in ((32, 64), (128, 224))
    ]
