"""What a visitor must not lose, and what the page says: on the built page in a real browser."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.videos import write_video
from tests.web.conftest import SAMPLES, scenes, shown_camera
from tests.web.driving import (
    CROWD_WH,
    DENIED,
    analysed,
    answering,
    choose,
    file_shown,
    frames,
    give,
    later,
    more_frames,
    ready,
    saved,
    settled,
    turned,
    use_camera,
)

COLLINS = SAMPLES / "eileen_collins.jpg"
LIVE = "document.querySelector('video').srcObject.getTracks()[0].readyState === 'live'"


def long_enough(page) -> None:
    """Bring a session to a length that would be missed."""
    more_frames(page, 0)
    later(page, 6)
    page.wait_for_function("/0:(0[6-9]|[1-9])/.test(document.querySelector('.totals').textContent)")


def test_stopping_switches_the_camera_off_and_keeps_what_was_found(opened_with_camera):
    page = opened_with_camera()
    use_camera(page)
    more_frames(page, 0)
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("The camera is off").wait_for()
    assert not page.evaluate(LIVE)
    assert page.evaluate("document.activeElement.textContent").strip() == "Start again"
    assert page.locator(".card").count() > 0
    settled(page)
    counted = frames(page)
    before = json.loads(saved(page, "JSON"))
    page.get_by_role("button", name="Start again").click()
    more_frames(page, counted + 5)
    assert page.evaluate(LIVE)
    assert json.loads(saved(page, "JSON"))[: len(before)] == before


def test_the_way_back_leads_to_the_first_view_and_the_session_waits_there(opened_with_camera):
    page = opened_with_camera()
    use_camera(page)
    counted = frames(page)
    page.go_back()
    page.get_by_role("button", name="Use the camera").wait_for()
    page.wait_for_function(f"!({LIVE})")
    page.get_by_role("link", name="Back to the session").click()
    more_frames(page, counted + 5)


def test_nobody_loses_a_session_without_being_asked(opened_with_camera):
    page = opened_with_camera()
    use_camera(page)
    long_enough(page)
    page.get_by_role("button", name="Stop").click()
    asked = answering(page, False, False, True, True)
    page.get_by_role("button", name="Close").click()
    assert asked == ["There are results that are not saved. Discard them?"]
    page.get_by_role("button", name="Start again").wait_for()
    with page.expect_event("dialog"):
        give(page, COLLINS)
    turned(page)
    assert len(asked) == 2
    assert page.locator(".thumb").count() == 0
    page.close(run_before_unload=True)
    page.wait_for_event("close")
    assert len(asked) == 3


@pytest.fixture
def long_video(tmp_path: Path) -> Path:
    """A video of a length that would be missed."""
    green = np.full((96, 128, 3), (0, 255, 0), np.uint8)
    return write_video(tmp_path / "long.webm", ((n / 2, green) for n in range(14)), codec="libvpx")


def test_a_video_is_not_read_anew_without_being_asked(opened, long_video):
    page = opened(worker="fake")
    ready(page)
    choose(page, long_video)
    analysed(page)
    asked = answering(page, False, False, True)
    for name in ("Smooth over time", "Expression units"):
        page.get_by_role("button", name=name).click()
    turned(page)
    assert asked == ["There are results that are not saved. Discard them?"] * 2
    assert page.get_by_text("All 14 frames read").is_visible()
    smooth = page.get_by_role("button", name="Smooth over time")
    assert smooth.get_attribute("aria-pressed") == "true"
    smooth.click()
    analysed(page)
    assert len(asked) == 3
    assert smooth.get_attribute("aria-pressed") == "false"
    saved(page, "JSON")
    smooth.click()
    analysed(page)
    assert smooth.get_attribute("aria-pressed") == "true"


def test_what_was_saved_may_go(opened_with_camera):
    page = opened_with_camera()
    use_camera(page)
    long_enough(page)
    page.get_by_role("button", name="Stop").click()
    asked = answering(page)
    saved(page, "JSON")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="Use the camera").wait_for()
    assert page.evaluate("location.hash") == "#/"
    assert asked == []


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of which the browser can play the sound alone."""
    import av
    import numpy as np

    path = tmp_path_factory.mktemp("sound") / "phone.webm"
    with av.open(path, "w") as video:
        stream = video.add_stream("libopus", rate=48_000, layout="mono")
        samples = np.zeros((1, 48_000), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
        frame.sample_rate = 48_000
        video.mux(stream.encode(frame))
        video.mux(stream.encode())
    return path


def test_a_video_whose_images_cannot_be_shown_is_told(opened, sound):
    page = opened(worker="none")
    choose(page, sound)
    page.get_by_role("alert").get_by_text("can play the sound of").wait_for()
    assert page.get_by_role("button", name="Use the camera").is_visible()


def test_a_file_that_cannot_be_opened_leaves_the_session_as_it_is(
    opened_with_camera, sound, tmp_path
):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(COLLINS.read_bytes()[:5000])
    page = opened_with_camera()
    use_camera(page)
    asked = answering(page)
    give(page, broken)
    page.get_by_role("alert").get_by_text("broken.jpg is damaged").wait_for()
    give(page, sound)
    page.get_by_role("alert").get_by_text("can play the sound of").wait_for()
    counted = frames(page)
    more_frames(page, counted)
    assert asked == []


def test_faces_are_shown_while_the_emotion_model_is_on_its_way(opened, tmp_path):
    held = []
    page = opened(
        prepare=lambda page: page.route("**/emotion.onnx*", lambda route: held.append(route))
    )
    page.wait_for_selector(".portrait .overlay.faces")
    share = page.locator(".loading").get_attribute("aria-valuenow")
    said = f"1 face found. Loading the emotion model, {share}%"
    page.locator(".portrait").get_by_text(said).wait_for()
    assert 50 < float(share) < 95  # what runs the models counts, too, and came unpacked
    choose(page, SAMPLES / "grace_hopper.jpg")
    page.locator(".view").get_by_text(said).wait_for()
    assert page.locator(".card").count() == 0
    held[0].continue_()
    page.locator(".card .bars").first.wait_for()


def test_a_camera_shows_faces_while_the_emotion_model_is_on_its_way(opened):
    held = []

    def prepare(page) -> None:
        page.route("**/emotion.onnx*", lambda route: held.append(route))
        page.add_init_script(shown_camera(scenes()))

    page = opened(prepare=prepare)
    page.get_by_role("button", name="Use the camera").click()
    page.locator(".view").get_by_text("1 face found. Loading the emotion model").wait_for()
    held[0].continue_()
    page.locator(".card .bars").first.wait_for()


DRAWN = """
window.drawn = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
  drawn.push([text, this.globalAlpha]);
  fillText.call(this, text, ...rest);
};
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two faces in one image."""
    path = tmp_path_factory.mktemp("both") / "both.png"
    image = Image.new("RGB", (920, 480), "white")
    for left, name in ((0, "eileen_collins"), (460, "grace_hopper")):
        image.paste(Image.open(SAMPLES / f"{name}.jpg").resize((440, 480)), (left, 0))
    image.save(path)
    return path


def test_faces_are_numbered_and_the_one_that_is_pointed_at_stands_out(opened, both):
    page = opened(prepare=lambda page: page.add_init_script(DRAWN))
    ready(page)
    page.evaluate("drawn.length = 0")
    choose(page, both)
    page.locator(".card").nth(1).wait_for()
    page.wait_for_function("['1', '2'].every((n) => drawn.some(([text]) => text === n))")
    page.evaluate("drawn.length = 0")
    page.locator(".card").nth(1).hover()
    page.wait_for_function("drawn.some(([text, alpha]) => text === '1' && alpha < 0.5)")
    assert page.evaluate("drawn.filter(([text]) => text === '2').every(([, alpha]) => alpha === 1)")


def test_many_faces_are_a_grid_that_is_sorted_and_filtered(opened, tmp_path):
    Image.new("RGB", CROWD_WH, (0, 255, 0)).save(tmp_path / "crowd.png")
    page = opened(worker="fake")
    choose(page, tmp_path / "crowd.png")
    page.get_by_text("96 of 96 faces shown").wait_for()
    assert page.locator(".people").bounding_box()["height"] < 800
    page.get_by_role("button", name="Face 1: happy, 75%").click()
    page.locator(".chosen .bars").wait_for()
    page.get_by_role("button", name="neutral 48").click()
    page.get_by_text("48 of 96 faces shown").wait_for()
    assert page.locator(".chosen").count() == 0
    page.get_by_role("combobox", name="Order").select_option("confidence")
    assert page.locator(".tile").count() == 48


def test_a_label_that_is_only_held_has_no_share(opened, tmp_path):
    Image.new("RGB", (64, 48), (255, 255, 0)).save(tmp_path / "held.png")
    page = opened(worker="fake", prepare=lambda page: page.add_init_script(DRAWN))
    ready(page)
    page.evaluate("drawn.length = 0")
    choose(page, tmp_path / "held.png")
    page.locator(".card .bars").first.wait_for()
    page.wait_for_function("drawn.some(([text]) => text === 'happy')")
    assert page.locator(".card .share").inner_text() == ""
    assert not page.evaluate("drawn.some(([text]) => text.includes('%'))")
    assert page.locator(".bar .figure").first.inner_text() == "40%"


def test_what_is_left_out_of_many_files_is_named(opened, video, tmp_path):
    others = []
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        others.append(tmp_path / name)
        others[-1].write_text("no image")
    page = opened(worker="none")
    choose(page, COLLINS, video, *others)
    page.wait_for_selector("video")
    said = page.get_by_role("alert").text_content()
    assert "a.txt, b.txt and 2 more are neither an image nor a video." in said
    assert "One video is opened at a time; left out: eileen_collins.jpg." in said


def test_a_photo_without_type_and_ending_is_read_all_the_same(opened, tmp_path):
    (tmp_path / "IMG").write_bytes(COLLINS.read_bytes())
    (tmp_path / "letter").write_text("no image")
    page = opened(worker="none")
    choose(page, tmp_path / "IMG", tmp_path / "letter")
    page.get_by_role("button", name="Photo 1: IMG").wait_for()
    page.get_by_text("letter is neither an image nor a video.").wait_for()


def test_the_first_bytes_say_what_a_wrong_name_does_not(opened, video, tmp_path):
    (tmp_path / "video.jpg").write_bytes(video.read_bytes())
    page = opened(worker="none")
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          const heic = "\\0\\0\\0\\x18ftypheic\\0\\0\\0\\0";
          data.items.add(new File([heic], "IMG_1.HEIC", { type: "" }));
          data.items.add(new File([heic], "renamed.jpg", { type: "image/jpeg" }));
          const drop = { bubbles: true, cancelable: true, dataTransfer: data };
          document.body.dispatchEvent(new DragEvent("drop", drop));
        }"""
    )
    page.get_by_text("IMG_1.HEIC is a HEIC photo").wait_for()
    page.get_by_role("button", name="Photo 2: renamed.jpg").click()
    page.get_by_text("renamed.jpg is a HEIC photo").wait_for()
    give(page, tmp_path / "video.jpg")
    page.wait_for_selector("video")


def test_a_long_name_is_not_wider_than_a_phone(opened, tmp_path):
    long = tmp_path / f"{'x' * 120}.txt"
    long.write_text("no image")
    broken = tmp_path / f"{'y' * 120}.jpg"
    broken.write_text("no image")
    page = opened(worker="none", viewport={"width": 360, "height": 740})
    choose(page, long, broken)
    page.locator(".message").wait_for()
    page.get_by_role("alert").get_by_text("xxx").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_saved_report_is_dated_and_keeps_words_whole(opened):
    page = opened(worker="fake")
    choose(page, COLLINS, SAMPLES / "grace_hopper.jpg")
    page.get_by_text("2 photos, 2 faces").wait_for()
    report = saved(page, "Report")
    assert "Made on" in report
    assert "<h2>All photos</h2>" in report
    page.set_viewport_size({"width": 360, "height": 740})
    page.set_content(report)
    heights = page.evaluate("[...document.querySelectorAll('td')].map((td) => td.clientHeight)")
    assert max(heights[:-6]) <= min(heights) + 4
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_focus_follows_the_stage_and_comes_back(opened):
    page = opened(worker="fake")
    ready(page)
    page.evaluate(DENIED)
    focused = "document.activeElement.id"
    page.get_by_role("button", name="Use the camera").focus()
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    page.wait_for_function(f"{focused} === 'start-camera'")
    choose(page, COLLINS)
    page.locator(".card").wait_for()
    page.wait_for_function(f"{focused} === 'content'")
    page.get_by_role("button", name="Close").click()
    page.wait_for_function(f"{focused} === 'start-files'")


def test_every_page_has_a_title(opened):
    page = opened(worker="none")
    page.locator("h1").wait_for()
    titles = {page.title()}
    for name in ("How it works", "About the model"):
        page.get_by_role("link", name=name).click()
        page.wait_for_function("(name) => document.title.startsWith(name)", arg=name)
        titles.add(page.title())
    assert len(titles) == 3


def test_how_it_works_names_a_broken_file_and_forgets_it_after_a_good_one(opened, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_text("no image")
    page = opened("#/how", worker="fake")
    page.locator(".numbers").wait_for()
    for path in (broken, COLLINS):
        with page.expect_file_chooser() as chosen:
            page.get_by_role("button", name="Choose a photo").click()
        chosen.value.set_files([str(path)])
        if path == broken:
            page.get_by_role("alert").get_by_text("broken.jpg cannot be read").wait_for()
    page.wait_for_function("document.querySelector('[role=alert]') === null")


def test_a_photo_of_oneself_can_be_cancelled(opened):
    page = opened("#/how", worker="none", permissions=["camera"])
    page.get_by_role("button", name="Take a photo of me").click()
    page.get_by_role("button", name="Take the photo").wait_for()
    page.evaluate("window.tracks = document.querySelector('video').srcObject.getTracks()")
    page.get_by_role("button", name="Cancel").click()
    page.wait_for_function("tracks.every((track) => track.readyState === 'ended')")
    assert page.locator("video").count() == 0


def test_what_went_wrong_is_said_in_the_language_that_is_chosen_later(opened):
    page = opened(worker="none")
    page.evaluate(DENIED)
    page.get_by_role("button", name="Use the camera").click()
    page.get_by_role("alert").get_by_text("The camera is blocked").wait_for()
    page.get_by_role("combobox", name="Language").select_option("ja")
    page.get_by_role("alert").get_by_text("カメラはブロックされています").wait_for()


def test_a_camera_that_fails_in_an_unknown_way_is_told_in_words(opened):
    page = opened(worker="none")
    page.evaluate(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new TypeError('x')); null"
    )
    page.get_by_role("button", name="Use the camera").click()
    said = page.get_by_role("alert").get_by_text("The camera could not be started")
    said.wait_for()
    assert "TypeError" not in said.text_content()


def test_one_face_is_not_many(opened, tmp_path):
    Image.new("RGB", (64, 64), "white").save(tmp_path / "empty.png")
    page = opened(worker="fake")
    choose(page, COLLINS, tmp_path / "empty.png")
    page.get_by_text("2 photos, 1 face", exact=True).wait_for()


def test_photos_are_turned_removed_and_saved_with_their_boxes(opened):
    page = opened(worker="fake")
    choose(page, COLLINS, SAMPLES / "grace_hopper.jpg")
    page.get_by_text("2 photos, 2 faces").wait_for()
    file_shown(page, "eileen_collins.jpg")
    page.keyboard.press("ArrowRight")
    file_shown(page, "grace_hopper.jpg")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save image").click()
    with Image.open(download.value.path()) as drawn, Image.open(SAMPLES / "grace_hopper.jpg") as it:
        assert drawn.size == it.size
    page.get_by_role("button", name="Remove this photo").click()
    page.wait_for_function(
        "document.querySelector('.filename').textContent === 'eileen_collins.jpg'"
    )
    assert {row["source"] for row in json.loads(saved(page, "JSON"))} == {"eileen_collins.jpg"}
    page.get_by_role("button", name="Remove this photo").click()
    page.get_by_role("button", name="Use the camera").wait_for()


LOOKED_AT = """
window.lookedAt = [];
window.Worker = class extends Worker {
  postMessage(question, moved) {
    if (question.name === "image") lookedAt.push(question.ask.bitmap.width);
    super.postMessage(question, moved);
  }
};
"""


def test_a_large_photo_is_looked_at_after_the_others(opened, tmp_path):
    sizes = {"large": (7800, 4000), "first": (64, 48), "second": (32, 24)}
    paths = [tmp_path / f"{name}.png" for name in sizes]
    for path, size in zip(paths, sizes.values(), strict=True):
        Image.new("L", size).save(path)
    page = opened(worker="fake", prepare=lambda page: page.add_init_script(LOOKED_AT))
    ready(page)
    page.evaluate("lookedAt.length = 0")
    choose(page, *paths)
    page.wait_for_function("lookedAt.length >= 3")
    assert page.evaluate("lookedAt") == [64, 32, 7800]


def test_a_saved_image_has_expression_units_where_they_are_on(opened, tmp_path):
    Image.new("RGB", (640, 480), (0, 255, 0)).save(tmp_path / "photo.png")
    page = opened(worker="fake", prepare=lambda page: page.add_init_script(DRAWN))
    ready(page)
    choose(page, tmp_path / "photo.png")
    page.locator(".card .bars").first.wait_for()

    def written() -> list[str]:
        page.evaluate("drawn.length = 0")
        with page.expect_download():
            page.get_by_role("button", name="Save image").click()
        return [text for text, _ in page.evaluate("drawn")]

    assert "happy" in written()
    page.get_by_role("button", name="Expression units").click()
    page.locator(".unit-bars .bar").first.wait_for()
    assert {"mouth corners up, left", "0.50", "12° left"} <= set(written())
    page.get_by_role("button", name="Expression units").click()
    page.locator(".unit-bars").first.wait_for(state="detached")
    assert "0.50" not in written()
