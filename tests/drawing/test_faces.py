import dataclasses

import numpy as np
import pytest
from PIL import Image, ImageColor

from mien.drawing import draw, write_text
from mien.emotions import COLOURS
from mien.errors import InputError
from mien.structures import FrameResult
from mien.units import UNITS, HeadPose

GREY = np.full((300, 400, 3), 128, np.uint8)


def drawn(prediction, **changes):
    face = dataclasses.replace(prediction, **changes)
    return np.asarray(FrameResult(source="a", faces=(face,)).plot(frame_rgb=GREY))


def test_without_a_face_the_image_stays_as_it_is():
    assert (np.asarray(FrameResult(source="a").plot(frame_rgb=GREY)) == GREY).all()


def test_the_box_is_drawn_in_the_colour_of_the_emotion(prediction):
    image = drawn(prediction, box_xyxy=(100.0, 100.0, 160.0, 180.0))
    expected = ImageColor.getrgb(COLOURS["happy"])
    assert np.abs(image[140, 100].astype(int) - expected).max() < 3
    assert (image[140, 130] == 128).all()


def test_the_frame_itself_is_not_changed(prediction):
    drawn(prediction)
    assert (GREY == 128).all()


@pytest.mark.parametrize(
    "box",
    [
        (-50.0, -40.0, 60.0, 70.0),
        (350.0, 250.0, 450.0, 350.0),
        (0.0, 0.0, 400.0, 300.0),
        (10.0, 10.0, 12.0, 13.0),
        (300.0, 20.0, 395.0, 150.0),
    ],
)
def test_boxes_of_any_size_and_place_are_drawn(prediction, box):
    image = drawn(prediction, box_xyxy=box)
    assert image.shape == GREY.shape
    assert (image != GREY).any()


def test_large_faces_get_the_six_bars(prediction):
    small = drawn(prediction, box_xyxy=(20.0, 60.0, 60.0, 110.0))
    large = drawn(prediction, box_xyxy=(20.0, 60.0, 170.0, 250.0))
    fear = np.array(ImageColor.getrgb(COLOURS["fear"]))

    def shows_fear(image):
        return (np.abs(image.astype(int) - fear).max(axis=2) < 20).any()

    assert not shows_fear(small)
    assert shows_fear(large)


def test_the_bars_go_below_a_face_that_has_no_room_beside_it(prediction):
    face = dataclasses.replace(prediction, box_xyxy=(90.0, 20.0, 260.0, 220.0))
    frame = np.full((600, 340, 3), 128, np.uint8)
    result = FrameResult(source="a.jpg", width=340, height=600, faces=(face,))
    changed = (np.asarray(result.plot(frame_rgb=frame)) != frame).any(axis=2)
    assert not changed[60:210, 100:250].any()
    assert changed[230:420].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("faces", "image"), r"image: expected a Pillow image, found list\. Call draw\(image, fa"),
        (("array", "faces"), r"image: expected a Pillow image, found ndarray.*Image\.fromarray"),
        (("grey", "faces"), r"expected the mode RGB, found L\. Draw into image\.convert\('RGB'\)"),
        (("image", "none"), "faces: expected a list of faces, found NoneType"),
        (("image", "names"), "faces: expected faces with a box_xyxy, found str among them"),
    ],
)
def test_what_cannot_be_drawn_says_what_is_expected(prediction, arguments, message):
    image = Image.new("RGB", (200, 160))
    given = {
        "image": image,
        "array": np.asarray(image),
        "grey": image.convert("L"),
        "faces": [prediction],
        "names": ["happy"],
        "none": None,
    }
    with pytest.raises(InputError, match=message):
        draw(*(given[name] for name in arguments))


UNITS_DRAWN = {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "jawOpen": 0.3}


def with_units(prediction, **changes):
    units = dict.fromkeys(UNITS, 0.0) | UNITS_DRAWN
    pose = HeadPose(yaw_deg=4.0, pitch_deg=-6.0, roll_deg=1.0)
    return dataclasses.replace(prediction, **({"units": units, "pose": pose} | changes))


def written(monkeypatch, image, faces, **options):
    """Draw, and return the texts that were written."""
    texts = []

    def write(image, text, *rest):
        texts.append(text)
        write_text(image, text, *rest)

    monkeypatch.setattr("mien.drawing.faces.write_text", write)
    draw(image, faces, **options)
    return texts


def test_the_most_active_units_and_the_pose_are_drawn_where_there_is_room(prediction, monkeypatch):
    box = (20.0, 60.0, 120.0, 170.0)
    face = with_units(prediction, box_xyxy=box)
    image = Image.fromarray(np.full((400, 600, 3), 128, np.uint8))
    before = np.asarray(image).copy()
    texts = written(monkeypatch, image, [face])
    assert "mouthSmile" in texts
    assert "0.80" in texts
    assert "browDown" not in texts
    assert "yaw +4  pitch -6  roll +1" in texts
    assert (np.asarray(image)[80:160, 40:100] == before[80:160, 40:100]).all()
    assert "mouthSmile" not in written(monkeypatch, image, [face], units=False)
    full = with_units(prediction, box_xyxy=(0.0, 0.0, 600.0, 400.0))
    assert "mouthSmile" not in written(monkeypatch, image, [full])


def test_a_face_without_units_says_why_in_the_image(prediction, monkeypatch):
    box = (20.0, 60.0, 120.0, 170.0)
    face = dataclasses.replace(prediction, box_xyxy=box, units_missing="turned away")
    image = Image.fromarray(np.full((400, 600, 3), 128, np.uint8))
    assert "no units: turned away" in written(monkeypatch, image, [face])
