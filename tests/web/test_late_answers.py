"""An answer that comes when what it belongs to has gone, in a real browser: it changes nothing."""

from __future__ import annotations

import json
import re

import pytest
from PIL import Image

from tests.web.conftest import SAMPLES
from tests.web.driving import (
    choose,
    frames,
    give,
    later,
    more_frames,
    ready,
    saved,
    turned,
    use_camera,
)

COLLINS = SAMPLES / "eileen_collins.jpg"
HOPPER = SAMPLES / "grace_hopper.jpg"
GONE = "new DOMException('gone', 'NotFoundError')"
STOP = "document.querySelector('.tool.end').click()"
SILENT = "document.querySelector('.trouble, .refusal') === null"
OFF = "document.querySelector('video').srcObject.getTracks()[0].readyState === 'ended'"

HELD_ANSWERS = """
window.answers = { holding: false, held: [] };
window.letGo = () => {
  answers.holding = false;
  answers.held.splice(0).forEach((answer) => answer());
};
window.Worker = class extends Worker {
  set onmessage(listener) {
    super.onmessage = (event) => {
      const answer = () => listener(event);
      if (answers.holding && "id" in event.data) answers.held.push(answer);
      else answer();
    };
  }
};
"""
HELD_BITMAPS = """
window.bitmaps = [];
const real = createImageBitmap;
window.createImageBitmap = async (source, ...rest) => {
  if (source instanceof File) await new Promise((done) => bitmaps.push(done));
  return real(source, ...rest);
};
"""
HELD_BLOBS = """
window.blobs = [];
const toBlob = HTMLCanvasElement.prototype.toBlob;
HTMLCanvasElement.prototype.toBlob = function (done, ...rest) {
  toBlob.call(this, (blob) => blobs.push(() => done(blob)), ...rest);
};
"""


@pytest.mark.parametrize("answer", [f"deny({GONE})", "allow()"])
def test_a_camera_that_answers_as_the_visitor_stops_stays_off(slow_camera, answer):
    page = slow_camera()
    page.get_by_role("button", name="Use the camera").click()
    page.wait_for_function("asked.length === 1")
    page.evaluate("asked[0].allow()")
    page.locator(".card").first.wait_for()
    page.get_by_role("combobox", name="Camera").select_option(index=1)
    page.wait_for_function("asked.length === 2")
    page.evaluate(f"{STOP}; asked[1].{answer}")
    page.get_by_role("button", name="Start again").wait_for()
    turned(page)
    assert page.evaluate(SILENT)
    if answer == "allow()":
        page.wait_for_function("live.length === 2")
    assert not any(page.evaluate("live.map((each) => each())"))
    assert page.evaluate("asked.length") == 2


@pytest.mark.parametrize("fragment", ["", "#/how"])
def test_a_refusal_that_comes_as_the_visitor_goes_elsewhere_is_not_told(slow_camera, fragment):
    page = slow_camera(fragment)
    name = "Take a photo of me" if fragment else "Use the camera"
    page.get_by_role("button", name=name).click()
    page.wait_for_function("asked.length === 1")
    page.evaluate(f"addEventListener('hashchange', () => asked[0].deny({GONE}), {{ once: true }})")
    page.get_by_role("link", name="About the model").click()
    page.locator(".about").wait_for()
    turned(page)
    assert page.evaluate(SILENT)


def test_a_question_of_the_browser_is_waited_for_after_an_earlier_one_is_answered(slow_camera):
    page = slow_camera()
    page.get_by_role("button", name="Use the camera").click()
    page.wait_for_function("asked.length === 1")
    page.get_by_role("link", name="About the model").click()
    page.locator(".about").wait_for()
    page.go_back()
    page.wait_for_function("asked.length === 2")
    page.evaluate("asked[0].allow()")
    page.wait_for_function("live.length === 1 && !live[0]()")
    turned(page)
    assert page.locator(".asking").is_visible()


def test_a_frame_that_is_answered_after_its_session_was_cleared_belongs_to_nobody(
    opened_with_camera,
):
    page = opened_with_camera("", HELD_ANSWERS)
    use_camera(page)
    later(page, 600)
    more_frames(page, frames(page) + 2)
    page.on("dialog", lambda dialog: dialog.accept())
    page.evaluate("answers.holding = true")
    page.wait_for_function("answers.held.length === 2")
    page.get_by_role("button", name="Clear").click()
    page.evaluate("letGo()")
    page.locator(".card").first.wait_for()
    times = [row["timestamp_s"] for row in json.loads(saved(page, "JSON"))]
    assert max(times) < 600


def test_a_photo_that_was_removed_while_it_was_looked_at_is_not_there_again(opened_with_camera):
    page = opened_with_camera("", HELD_ANSWERS)
    ready(page)
    page.evaluate("answers.holding = true")
    choose(page, COLLINS, HOPPER)
    page.wait_for_function("answers.held.length === 1")
    page.get_by_role("button", name="Remove this photo").click()
    page.evaluate("letGo()")
    page.locator(".card .label").wait_for()
    assert page.locator(".strip .thumb").count() == 1
    assert {row["source"] for row in json.loads(saved(page, "JSON"))} == {HOPPER.name}


def test_the_sample_that_was_chosen_first_is_not_drawn_over_the_other(opened_with_camera):
    page = opened_with_camera("", HELD_ANSWERS)
    ready(page)
    page.evaluate("answers.holding = true")
    for number, name in enumerate(("Grace Hopper", "Eileen Collins")):
        page.get_by_role("button", name=name).click()
        page.wait_for_function("(count) => answers.held.length === count", arg=number + 1)
    page.evaluate("answers.held[0]()")
    turned(page)
    assert page.locator(".overlay.drawn").count() == 0
    page.evaluate("answers.held[1]()")
    ready(page)


def test_files_that_are_still_looked_into_do_not_take_the_cameras_place(
    opened_with_camera, tmp_path
):
    (tmp_path / "IMG").write_bytes(COLLINS.read_bytes())
    page = opened_with_camera("", HELD_BITMAPS)
    ready(page)
    choose(page, tmp_path / "IMG")
    page.wait_for_function("bitmaps.length === 1")
    page.get_by_role("button", name="Use the camera").click()
    page.locator(".card").first.wait_for()
    page.evaluate("bitmaps[0]()")
    turned(page)
    assert page.locator(".thumb").count() == 0
    assert page.get_by_role("button", name="Stop").is_visible()
    give(page, COLLINS)
    page.wait_for_function("bitmaps.length === 2")


def test_what_was_given_first_is_opened_first_however_long_it_takes(opened_with_camera, tmp_path):
    (tmp_path / "IMG").write_bytes(COLLINS.read_bytes())
    page = opened_with_camera("", HELD_BITMAPS)
    ready(page)
    choose(page, tmp_path / "IMG")
    page.wait_for_function("bitmaps.length === 1")
    give(page, HOPPER)
    turned(page)
    assert page.locator(".thumb").count() == 0
    page.evaluate("bitmaps[0]()")
    page.get_by_role("button", name="Photo 2: grace_hopper.jpg").wait_for()
    assert page.get_by_role("button", name="Photo 1: IMG").is_visible()


def test_the_page_that_explains_shows_what_was_looked_at_last(opened_with_camera, tmp_path):
    Image.open(HOPPER).resize((333, 444)).save(tmp_path / "small.png")
    page = opened_with_camera("", HELD_BLOBS)
    use_camera(page)
    page.get_by_role("button", name="Pause").click()
    page.wait_for_function("blobs.length === 1")
    page.on("dialog", lambda dialog: dialog.accept())
    give(page, tmp_path / "small.png")
    page.locator(".thumb").first.wait_for()
    page.locator(".card .label").wait_for()
    page.evaluate("blobs[0]()")
    page.get_by_role("link", name="How it works").click()
    page.locator(".numbers").wait_for()
    turned(page)
    size = page.locator(".step").first.get_by_text(re.compile("333 . 444 pixels"))
    size.wait_for()
