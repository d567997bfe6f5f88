"""Expression units in the page: as Python reads them, and only if a visitor asks for them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import mien
from mien.columns import result_columns
from mien.detect import OnnxDetector
from mien.inference import EmotionModel, UnitAnswers, UnitModel
from mien.inference.units import FaceUnits, read_units, smoothed_units
from mien.preprocess import FER_CROP
from mien.structures import Faces
from mien.track import Smoother
from mien.units import POSE_FIELDS, UNITS, HeadPose, action_units, merged_sides, strongest_units
from mien.webpage import page_contract
from tests.conftest import SAMPLES
from tests.videos import write_video
from tests.web.driving import analysed, answering, choose, failing_once, ready, saved, settled
from tests.web.test_parity import image, placed, sent
from tests.web.test_video_parity import uneven

PHOTOS = [SAMPLES / "eileen_collins.jpg", SAMPLES / "grace_hopper.jpg"]
POSE_TOLERANCE_DEG = 0.5
TOLERANCES = {"units": 0.01, "action_units": 0.01, "pose": POSE_TOLERANCE_DEG}
TURN_ON = "Expression units"


@pytest.fixture(scope="module")
def contract() -> dict[str, object]:
    return page_contract(EmotionModel(), OnnxDetector())


def random_units(seed: int) -> dict[str, float]:
    values = np.random.default_rng(seed).uniform(0, 1, len(UNITS)) ** 2
    return dict(zip(UNITS, values.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_what_follows_from_units_is_the_same(parity, contract, seed):
    units = random_units(seed)
    found = parity("units", contract, units, 10)
    assert found["action_units"] == pytest.approx(action_units(units), abs=1e-9)
    expected = strongest_units(merged_sides(units), 10)
    assert [name for name, _ in found["strongest"]] == list(expected)
    assert dict(found["strongest"]) == pytest.approx(expected, abs=1e-9)


def test_the_pose_and_the_reasons_for_no_units_are_the_same(parity, contract):
    turns = (0.0, 0.4, -1.2, 3.0, 0.0, 0.0)
    angles = np.float32([(10, -5, 2), (-20, 8, -3), (0, 0, 9), (5, 5, 12), (61, 0, 0), (0, -70, 0)])
    scales = (60, 50, 40, 70, 55, 20)
    places = np.stack([placed(s, turn, 70, 60) for s, turn in zip(scales, turns, strict=True)])
    boxes = np.float32([(70 - s / 2, 60 - s / 2, 70 + s / 2, 60 + s / 2) for s in scales])
    values = np.stack([list(random_units(seed).values()) for seed in range(6)]).astype(np.float32)

    class Network:
        crop = FER_CROP

        def read(self, crops):
            return UnitAnswers(
                units=dict(zip(UNITS, values.T, strict=True)),
                pose=dict(zip(POSE_FIELDS, angles.T, strict=True)),
            )

    faces = Faces(boxes_xyxy=boxes, landmarks_xy=places, detection_scores=np.ones(6, np.float32))
    expected = read_units(Network(), faces, np.zeros((6, 48, 48), np.float32))
    outputs = {"units": values.ravel().tolist(), "pose_deg": angles.ravel().tolist()}
    given = [
        {"box": box.tolist(), "landmarks": points.tolist()}
        for box, points in zip(boxes, places, strict=True)
    ]
    found = parity("readUnits", contract, sent(image(110, 140)), given, outputs)
    assert [each["missing"] for each in found] == [each.missing for each in expected]
    assert {"small", "turned away", None} <= {each.missing for each in expected}
    for here, there in zip(found, expected, strict=True):
        if there.missing is not None:
            assert (here["values"], here["pose"]) == (None, None)
            continue
        np.testing.assert_allclose(here["values"], there.units, atol=1e-6)
        for name in POSE_FIELDS:
            assert here["pose"][name] == pytest.approx(getattr(there.pose, name), abs=1e-3)


def test_units_and_angles_are_smoothed_alike(parity, contract):
    rolls = (170, 178, -176, -170, 10, 0, 5)
    times = (0.0, 0.05, 0.1, 0.14, 0.2, 4.0, 4.04)
    missing = (None, None, "small", None, None, None, None)
    smoother, expected, steps = Smoother(), [], []
    for seed, (time_s, roll, reason) in enumerate(zip(times, rolls, missing, strict=True)):
        units = np.array(list(random_units(seed).values()))
        pose = {"yaw_deg": seed * 5.0, "pitch_deg": -seed * 3.0, "roll_deg": float(roll)}
        smoother.update(0, np.full(6, 1 / 6), time_s)
        found = FaceUnits(units=units, pose=HeadPose(**pose), missing=reason)
        expected.append(smoothed_units(smoother, 0, found, time_s))
        reading = {"values": units.tolist(), "pose": pose, "missing": reason}
        steps.append({"reading": reading, "timestamp_s": time_s})
    for here, there in zip(parity("smoothUnits", contract, steps), expected, strict=True):
        assert here["missing"] == there.missing
        if there.missing is None:
            np.testing.assert_allclose(here["values"], there.units, atol=1e-9)
            assert here["pose"]["roll_deg"] == pytest.approx(there.pose.roll_deg, abs=1e-6)
            assert here["pose"]["yaw_deg"] == pytest.approx(there.pose.yaw_deg, abs=1e-9)


def assert_same_units(here: dict, there: dict) -> None:
    assert list(here) == list(there)
    assert here["units_missing"] == there["units_missing"]
    for name, tolerance in TOLERANCES.items():
        if there[name] is None:
            assert here[name] is None
        else:
            assert here[name] == pytest.approx(there[name], abs=tolerance)
    assert here["quality"]["roll_deg"] == pytest.approx(
        there["quality"]["roll_deg"], abs=POSE_TOLERANCE_DEG
    )


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[Path]:
    """Two photos, and one of them on its side a little and upside down."""
    folder, turned = tmp_path_factory.mktemp("photos"), []
    for angle in (30, 180):
        turned.append(folder / f"{angle}.png")
        with Image.open(PHOTOS[0]) as photo:
            photo.rotate(-angle, Image.Resampling.BICUBIC, expand=True).save(turned[-1])
    return [*PHOTOS, *turned]


def test_photos_have_the_units_that_python_reads_once_they_are_asked_for(opened, photos):
    asked: list[str] = []
    page = opened(prepare=lambda page: page.on("request", lambda r: asked.append(r.url)))
    ready(page)
    choose(page, *photos)
    page.get_by_text(re.compile("4 photos, ")).wait_for()
    settled(page)
    plain = json.loads(saved(page, "JSON"))
    assert not any("units" in row for row in plain)
    assert not any("units.onnx" in url for url in asked)
    size_mb = UnitModel().path.stat().st_size / 1e6
    page.get_by_text(f"downloads {size_mb:.1f} MB from this site, once").wait_for()
    page.get_by_role("button", name=TURN_ON).click()
    page.locator(".unit-bars .bar").first.wait_for()
    settled(page)
    page.get_by_role("button", name="Photo 4").click()
    page.get_by_text("the face is rotated far from upright").wait_for()
    settled(page)
    assert sum("units.onnx" in url for url in asked) == 1
    rows = json.loads(saved(page, "JSON"))
    results = mien.Analyzer(units=True).analyze(photos)
    expected = [face.to_row() for result in results for face in result.faces]
    assert [row["units_missing"] for row in expected if row["detection_score"] > 0.65][
        -1
    ] == "rotated"
    for here, there in zip(rows, expected, strict=True):
        assert_same_units(here, there)
    report = saved(page, "Report")
    assert f"<h4>{TURN_ON}</h4>" in report
    assert "mouth corners up 0." in report
    assert "the face is rotated far from upright" in report
    assert hashlib.sha256(UnitModel().path.read_bytes()).hexdigest() in report
    heads, *lines = csv.reader(io.StringIO(saved(page, "CSV")))
    assert heads == [column.name for column in result_columns(units=True)]
    smile = heads.index("unit_mouthSmileLeft")
    assert float(lines[0][smile]) == rows[0]["units"]["mouthSmileLeft"]
    # Whoever switches them off sees them no longer.
    page.get_by_role("button", name=TURN_ON).click()
    assert page.locator(".face-units").count() == 0


def test_of_several_faces_the_largest_one_opens_until_the_visitor_chooses(opened, tmp_path):
    group = Image.new("RGB", (900, 420), (70, 80, 90))
    for side, left in ((240, 0), (400, 250), (240, 655)):
        with Image.open(PHOTOS[0]) as photo:
            group.paste(photo.resize((side, side * photo.height // photo.width)), (left, 0))
    path = tmp_path / "group.png"
    group.save(path)
    page = opened()
    ready(page)
    choose(page, path)
    page.locator(".card").nth(2).wait_for()
    assert page.locator(".card .opened").count() == 0
    page.get_by_role("button", name=TURN_ON).click()
    page.locator(".unit-bars .bar").first.wait_for()
    boxes = [row["box_xyxy"] for row in json.loads(saved(page, "JSON"))]
    largest = max(range(3), key=lambda number: boxes[number][2] - boxes[number][0])
    opened_cards = [card.locator(".opened").count() for card in page.locator(".card").all()]
    assert opened_cards == [int(number == largest) for number in range(3)]
    # Whoever closes it has it closed.
    page.locator(".card .face[aria-expanded=true]").click()
    settled(page)
    assert page.locator(".card .opened").count() == 0


def test_a_video_has_the_units_that_python_reads(opened, tmp_path):
    path = uneven(tmp_path / "uneven.mp4")
    expected = [face.to_row() for r in mien.Analyzer(units=True).stream(path) for face in r.faces]
    page = opened()
    ready(page)
    choose(page, path)
    page.get_by_role("button", name=TURN_ON).click()
    page.locator(".unit-bars").first.wait_for()
    analysed(page)
    rows = json.loads(saved(page, "JSON"))
    assert [row["track"] for row in rows] == [row["track"] for row in expected]
    for here, there in zip(rows, expected, strict=True):
        assert_same_units(here, there)


def test_a_network_of_units_that_does_not_come_is_told_and_tried_again(opened):
    page = opened(prepare=failing_once("**/units.onnx*"))
    ready(page)
    choose(page, PHOTOS[0])
    page.locator(".card .bars").first.wait_for()
    page.get_by_role("button", name=TURN_ON).click()
    alert = page.get_by_role("alert")
    alert.get_by_text("The model of expression units could not be loaded").wait_for()
    # It says what failed in the visitor's language, and neither the browser's words nor an address.
    assert "units.onnx did not come" in alert.inner_text()
    page.get_by_role("combobox", name="Language").select_option("ko")
    assert "units.onnx 파일을 받지 못했습니다" in alert.inner_text()
    assert "http" not in alert.inner_text()
    page.get_by_role("combobox").filter(has_text="English").select_option("en")
    alert.get_by_role("button", name="Try again").click()
    page.locator(".unit-bars .bar").first.wait_for()


def test_a_video_is_read_anew_for_units_only_if_the_visitor_wants_that(opened, tmp_path):
    photo = np.full((240, 320, 3), 90, np.uint8)
    with Image.open(PHOTOS[0]) as face:
        photo[:, :240] = np.asarray(face.convert("RGB").resize((240, 240)))
    path = write_video(tmp_path / "slow.mp4", ((float(second), photo) for second in range(7)))
    page = opened(prepare=failing_once("**/units.onnx*"))
    asked = answering(page, True, False, True)
    ready(page)
    choose(page, path)
    assert analysed(page) == 7
    page.get_by_role("button", name=TURN_ON).click()
    again = page.get_by_role("alert").get_by_role("button", name="Try again")
    again.click()
    settled(page)
    assert len(asked) == 2
    assert analysed(page) == 7
    assert not page.locator(".unit-bars").count()
    again.click()
    page.locator(".unit-bars").first.wait_for()
    assert asked == ["There are results that are not saved. Discard them?"] * 3


def test_a_camera_shows_the_face_mirrored_as_the_person_sees_themselves(opened_with_camera):
    page = opened_with_camera()
    ready(page)
    page.get_by_role("button", name="Use the camera").click()
    page.locator(".card").first.wait_for()
    page.get_by_role("button", name=TURN_ON).click()
    drawn = page.locator(".face-diagram > g")
    drawn.wait_for()
    assert "scale(-1 1)" in drawn.get_attribute("transform")
    page.locator(".unit-bars").get_by_text("mouth corners up, left").wait_for()
    page.locator(".pose").get_by_text("12° left").wait_for()
    page.get_by_role("button", name="Mirror").click()
    page.wait_for_function(
        "!document.querySelector('.face-diagram > g').getAttribute('transform').includes('scale')"
    )
    assert json.loads(saved(page, "JSON"))[-1]["units"]["mouthSmileLeft"] == 0.5


def test_every_unit_that_is_listed_has_a_word_in_every_language(parity):
    sides = merged_sides(dict.fromkeys(UNITS, 1.0), within=None)
    listed = set(strongest_units(sides, len(sides)))
    found = parity("unitWords")
    assert set(found) == {"en", "ko", "ja"}
    for names in found.values():
        assert set(names) == listed
