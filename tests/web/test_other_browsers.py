"""The built page in Firefox and WebKitGTK, by their own drivers: photos, a video and a camera."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.conftest import SAMPLES, WEB, scenes, shown_camera
from tests.web.drivers import DrivenPage, firefox_page, webkit_page
from tests.web.driving import give

MINI_BROWSERS = sorted(str(path) for path in Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module", params=["firefox", "webkit"])
def page(request, address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrivenPage]:
    with contextlib.ExitStack() as opened:
        if request.param == "firefox":
            program = shutil.which("firefox-esr") or shutil.which("firefox")
            if program is None:
                pytest.skip("needs Firefox")
            page = opened.enter_context(firefox_page(program, tmp_path_factory.mktemp("firefox")))
        else:
            programs = [shutil.which("WebKitWebDriver"), *MINI_BROWSERS[-1:], shutil.which("Xvfb")]
            if None in programs or len(programs) < 3:
                pytest.skip("needs WebKitWebDriver, MiniBrowser and Xvfb")
            page = opened.enter_context(webkit_page(*programs))
        page.goto(address)
        page.add_script(AXE.read_text(encoding="utf-8"))
        yield page


def violations(page: DrivenPage) -> object:
    return page.evaluate("axe.run().then(({ violations }) => violations.map(({ id }) => id))")


def test_the_first_view_says_what_the_sample_shows(page):
    page.wait_for("document.querySelector('.overlay.drawn') !== null")
    label = page.evaluate("document.querySelector('.overlay.drawn').ariaLabel")
    assert str(label).endswith("happy")
    assert violations(page) == []


def test_a_photo_is_answered(page):
    give(page, SAMPLES / "eileen_collins.jpg")
    page.wait_for("document.querySelector('.card .bars') !== null")
    assert page.evaluate("document.querySelector('.card strong').textContent") == "happy"
    assert violations(page) == []


def test_every_frame_of_a_video_is_answered(page, video: Path):
    give(page, video)
    page.wait_for("/All 45 frames read/.test(document.querySelector('.reading')?.textContent)")
    page.wait_for("document.querySelector('.card') !== null")
    assert "happy" in page.shown()
    assert violations(page) == []


def test_a_camera_is_answered(page):
    page.evaluate("confirm = () => true")
    page.click("Close")
    page.click("Use the camera")
    if page.has_camera:  # it shows colours
        page.wait_for("document.querySelector('.hint')?.textContent === 'No face in view'")
        page.click("Stop")
        page.click("Close")
    else:
        page.wait_for("document.querySelector('.refusal') !== null")
    page.evaluate(f"() => {{ {shown_camera(scenes())} }}")
    page.click("Use the camera")
    page.wait_for("document.querySelector('.card .bars') !== null")
    assert page.evaluate("document.querySelector('.card strong').textContent") == "happy"
    assert violations(page) == []
    page.click("Stop")
