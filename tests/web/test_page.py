"""What a visitor sees and does, on the built page in a real browser."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import mien
from mien.columns import COLUMNS
from mien.emotions import SIX
from mien.metrics import PROTOCOLS
from mien.track import corrected, neutral_offset
from mien.webpage.export import BUILT_PAGE
from tests.baselines import BASELINE
from tests.videos import write_video
from tests.web.conftest import SAMPLES, WEB, hosted
from tests.web.driving import (
    CROWD_WH,
    DENIED,
    READY_MS,
    analysed,
    choose,
    failing_once,
    frames,
    give,
    later,
    more_frames,
    ready,
    saved,
    settled,
    show,
    turned,
    units_on,
    use_camera,
)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The samples: as they are, small, close by, large enough for tiles, grey, rotated."""
    folder = tmp_path_factory.mktemp("images")
    hopper = Image.open(SAMPLES / "grace_hopper.jpg").convert("RGB")
    collins = Image.open(SAMPLES / "eileen_collins.jpg").convert("RGB")
    both = Image.new("RGB", (900, 620), "white")
    both.paste(hopper.resize((400, round(400 * hopper.height / hopper.width))), (0, 0))
    both.paste(collins.resize((460, 460)), (430, 40))
    both.save(folder / "both.png")
    hopper.resize((180, round(180 * hopper.height / hopper.width))).save(folder / "small.png")
    both.resize((2700, 1860)).save(folder / "large.png", compress_level=1)
    collins.crop((150, 30, 310, 200)).resize((1200, 1275)).save(folder / "close.png")
    hopper.crop((130, 80, 400, 370)).resize((2160, 2320)).save(
        folder / "very close.png", compress_level=1
    )
    collins.convert("L").save(folder / "grey.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    collins.transpose(Image.Transpose.ROTATE_90).save(folder / "rotated.jpg", exif=exif, quality=95)
    return sorted(folder.iterdir())


def test_photos_give_the_rows_that_python_gives(opened, images):
    page = opened()
    choose(page, *images, SAMPLES / "eileen_collins.jpg")
    count = len(images) + 1
    page.wait_for_function(f"document.querySelectorAll('.thumb').length === {count + 1}")
    page.get_by_text(re.compile(f"{count} photos, ")).wait_for()
    rows = json.loads(saved(page, "JSON"))
    analyzer = mien.Analyzer()
    compared = 0
    for path in [*images, SAMPLES / "eileen_collins.jpg"]:
        expected = [face.to_row() for face in analyzer.analyze(path).faces]
        found = [row for row in rows if row["source"] == path.name]
        assert len(found) == len(expected) > 0, path.name
        # Its landmarks are found in 320 px, where a tenth of a pixel is one of the photo.
        atol = 0.03 if path.stem == "very close" else 0.005
        for here, there in zip(found, expected, strict=True):
            assert list(here) == list(there)
            np.testing.assert_allclose(here["box_xyxy"], there["box_xyxy"], atol=1.0)
            values = [list(row["probabilities"].values()) for row in (here, there)]
            np.testing.assert_allclose(*values, atol=atol, err_msg=path.name)
            assert here["emotion"] == there["emotion"]
            assert here["unsure"] == there["unsure"]
            compared += 1
    assert compared >= 8
    table = list(csv.DictReader(io.StringIO(saved(page, "CSV"))))
    assert len(table) == len(rows)
    assert list(table[0]) == [column.name for column in COLUMNS]
    assert float(table[0]["p_happy"]) == rows[0]["probabilities"]["happy"]
    assert float(table[0]["box_left"]) == rows[0]["box_xyxy"][0]


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_photo_can_be_dropped_or_pasted_anywhere(opened, way):
    page = opened(worker="fake")
    for fragment in ("#/", "#/how", "#/about"):
        page.evaluate("(fragment) => { location.hash = fragment; }", fragment)
        page.locator(".start, .how, .about").first.wait_for()
        give(page, SAMPLES / "eileen_collins.jpg", way)
        page.get_by_role("button", name="Photo 1: eileen_collins.jpg").wait_for()
        page.locator(".card .label").wait_for()
        (row,) = json.loads(saved(page, "JSON"))
        assert row["source"] == "eileen_collins.jpg"
        page.get_by_role("button", name="Close").click()
        page.locator(".start").wait_for()


def test_everything_can_be_reached_by_keyboard(opened_with_camera):
    page = opened_with_camera()
    ready(page)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Use the camera"
    page.keyboard.press("Enter")
    page.locator(".card").first.wait_for()
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent").strip())
    wanted = {"Pause", "Snapshot", "Mirror", "Smooth over time", "Stop", "JSON", "CSV", "Report"}
    assert wanted <= reached


def test_skipping_to_the_content_stays_on_the_page(opened):
    page = opened("#/about", worker="none")
    page.locator("h1").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    assert page.evaluate("location.hash") == "#/about"


def test_who_wants_no_motion_gets_none(opened):
    moving = "[...document.querySelectorAll('*')].filter((each) => getComputedStyle(each)"
    moving += ".transitionDuration.split(', ').some((time) => parseFloat(time) > 0)).length"
    page = opened(worker="fake", reduced_motion="reduce")
    ready(page)
    assert page.evaluate(moving) == 0
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(moving) > 0


def test_a_file_that_is_no_image_is_named_and_the_others_go_on(opened, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes((SAMPLES / "grace_hopper.jpg").read_bytes()[:700])
    text = tmp_path / "letter.txt"
    text.write_text("no image")
    noise = tmp_path / "noise.jpg"
    noise.write_text("no image")
    page = opened()
    choose(page, broken, text, SAMPLES / "grace_hopper.jpg", noise)
    page.get_by_text("letter.txt is neither an image nor a video.").wait_for()
    page.get_by_text("broken.jpg is damaged").first.wait_for()
    page.get_by_role("button", name="Photo 3: noise.jpg").click()
    page.get_by_text("noise.jpg cannot be read as an image").first.wait_for()
    page.get_by_role("button", name="Photo 2: grace_hopper.jpg").click()
    page.locator(".card .label").wait_for()
    report = saved(page, "Report")
    assert "broken.jpg is damaged" in report
    assert "<dt>could not be read</dt><dd>2</dd>" in report
    assert "<dt>photos</dt><dd>1</dd>" in report
    assert report.count('src="data:image/jpeg;base64,') == 1
    assert not re.search("(src|href)=.http", report)
    rows = json.loads(saved(page, "JSON"))
    assert "damaged" in rows[0]["error"]
    assert (
        rows[1]["emotion"] == mien.Analyzer().analyze(SAMPLES / "grace_hopper.jpg").faces[0].emotion
    )


def test_the_camera_is_analysed_people_change_and_a_session_is_kept(opened_with_camera):
    page = opened_with_camera(worker="real")
    use_camera(page)
    more_frames(page, 30)
    show(page, 1)
    # Both are there: one in view, the other one away.
    page.wait_for_function("document.querySelectorAll('.card').length >= 2")
    more_frames(page, 60)
    later(page, 1)
    more_frames(page, frames(page))
    rows = json.loads(saved(page, "JSON"))
    assert {row["source"] for row in rows} == {"camera"}
    assert len({row["track"] for row in rows}) >= 2
    times = [row["timestamp_s"] for row in rows]
    assert times == sorted(times)
    assert times[-1] > 1
    for row in rows:
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    labels = {row["emotion"] for row in rows}
    analyzer = mien.Analyzer()
    shown = {analyzer.analyze(path).faces[0].emotion for path in SAMPLES.glob("*.jpg")}
    assert shown <= labels
    report = saved(page, "Report")
    assert "Person 1" in report
    assert "http" not in report.replace("http-equiv", "")
    with page.expect_download() as download:
        page.get_by_role("button", name="Snapshot").click()
    with Image.open(download.value.path()) as snapshot:
        assert snapshot.size == (640, 480)
    page.get_by_role("button", name="Mirror").click()


WITH_BASELINE = """
const fetched = window.fetch;
window.fetch = async (...asked) => {
  const answer = await fetched(...asked);
  if (!String(asked[0]).includes("contract.json")) return answer;
  const contract = await answer.json();
  contract.emotion.spec.six.baseline = BASELINE;
  return new Response(JSON.stringify(contract));
};
"""


def test_what_a_neutral_face_shows_is_taken_off_from_then_on(opened_with_camera):
    script = WITH_BASELINE.replace("BASELINE", json.dumps(dataclasses.asdict(BASELINE)))
    page = opened_with_camera(
        "", script, worker="real", viewport={"width": 390, "height": 844}, is_mobile=True
    )
    use_camera(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    more_frames(page, frames(page) + 5)
    button = page.get_by_role("button", name="This is my neutral face")
    button.click()
    page.wait_for_function("document.querySelector('.tool[title*=neutral]').ariaPressed == 'false'")
    more_frames(page, frames(page) + 5)
    page.get_by_role("button", name="Take off resting faces").click()
    more_frames(page, frames(page) + 5)
    rows = json.loads(saved(page, "JSON"))
    before, *_, last = [row for row in rows if row["track"] == rows[0]["track"]]
    assert before["uncorrected"] == dict.fromkeys(SIX.labels)
    shown, known = (
        np.array(tuple(last[name].values())) for name in ("probabilities", "uncorrected")
    )
    offset = neutral_offset(known, BASELINE)
    # The image stands still, so that this frame is like the one that was marked.
    np.testing.assert_allclose(shown, corrected(known, offset), atol=0.02)
    assert last["probabilities"]["neutral"] > before["probabilities"]["neutral"]


def test_without_what_it_is_measured_from_nobody_is_asked_for_a_baseline(opened_with_camera):
    script = WITH_BASELINE.replace("BASELINE", "null")
    page = opened_with_camera("", script)
    use_camera(page)
    assert not page.get_by_role("button", name="This is my neutral face").count()
    assert not page.get_by_role("button", name="Take off resting faces").count()


def test_a_session_waits_while_another_page_is_looked_at(opened_with_camera):
    page = opened_with_camera()
    use_camera(page)
    more_frames(page, 0)
    before = json.loads(saved(page, "JSON"))
    page.get_by_role("link", name="How it works").click()
    page.locator(".numbers").wait_for()
    page.get_by_role("link", name="About the model").click()
    page.locator(".about").wait_for()
    settled(page)
    counted = frames(page)
    later(page, 1)
    settled(page)
    assert frames(page) == counted
    page.get_by_role("link", name="Try it").click()
    more_frames(page, counted + 10)
    after = json.loads(saved(page, "JSON"))
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_a_video_is_analysed_on_while_another_page_is_looked_at(opened, video):
    page = opened(worker="fake")
    ready(page)
    choose(page, video)
    page.locator(".card").first.wait_for()
    page.evaluate("document.querySelector('video').play()")
    page.get_by_role("link", name="About the model").click()
    page.wait_for_function("document.querySelector('video').paused")
    page.get_by_role("link", name="Try it").click()
    assert analysed(page) == 45
    times = [row["timestamp_s"] for row in json.loads(saved(page, "JSON"))]
    np.testing.assert_allclose(times, np.arange(45) / 15, atol=2e-3)


def test_a_pause_holds_the_image_and_ends_with_its_source(opened_with_camera, video):
    page = opened_with_camera()
    use_camera(page)
    more_frames(page, 0)
    page.get_by_role("button", name="Pause").click()
    page.wait_for_function("document.querySelector('video').paused")
    settled(page)
    counted = frames(page)
    # The camera itself goes on.
    page.evaluate(
        """async () => {
          const other = document.createElement("video");
          other.srcObject = document.querySelector("video").srcObject;
          await other.play();
          for (let frame = 0; frame < 5; frame++) {
            await new Promise((done) => other.requestVideoFrameCallback(done));
          }
          other.srcObject = null;
        }"""
    )
    settled(page)
    assert frames(page) == counted
    page.on("dialog", lambda dialog: dialog.accept())
    give(page, video)
    page.get_by_text("portrait.webm").wait_for()
    analysed(page)
    rows = json.loads(saved(page, "JSON"))
    assert {row["source"] for row in rows} == {"portrait.webm"}


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("**/face.onnx*", "sample"),
        ("**/face.onnx*", "photo"),
        ("**/face.onnx*", "camera"),
        ("**/face.onnx*", "how"),
        ("**/worker-*.js", "video"),
        ("**/ort-*.mjs", "sample"),
        ("**/ort-*.wasm", "sample"),
    ],
)
def test_what_was_given_goes_on_when_another_try_loads_the_networks(opened, video, asked, given):
    fragment = "#/how" if given == "how" else ""
    page = opened(fragment, prepare=failing_once(asked), permissions=["camera"])
    page.get_by_role("alert").get_by_text("could not be loaded").wait_for()
    if given == "photo":
        give(page, SAMPLES / "eileen_collins.jpg")
        page.get_by_role("button", name="Photo 1").wait_for()
    if given == "video":
        give(page, video)
    if given == "camera":
        page.get_by_role("button", name="Use the camera").click()
        page.wait_for_function("document.querySelector('video')?.readyState > 1")
    page.get_by_role("button", name="Try again").click()
    done = {"sample": ".overlay.drawn", "how": ".numbers"}.get(given, ".card .bars")
    page.locator(done).first.wait_for()
    assert page.get_by_role("alert").count() == 0


def test_it_works_where_the_browser_keeps_nothing_for_the_site(opened):
    denied = """Object.defineProperty(window, "localStorage", {
      get() { throw new DOMException("denied", "SecurityError"); },
    });"""
    page = opened(worker="fake", prepare=lambda page: page.add_init_script(denied))
    ready(page)
    page.get_by_role("combobox", name="Language").select_option("ja")
    page.get_by_role("combobox", name="配色").select_option("dark")
    page.get_by_role("heading", level=1).get_by_text("どんな表情").wait_for()
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")


def test_a_camera_that_comes_too_late_is_switched_off(slow_camera):
    page = slow_camera("#/how")
    page.get_by_role("button", name="Take a photo of me").click()
    page.wait_for_function("asked.length === 1")
    page.get_by_role("link", name="About the model").click()
    page.locator(".about").wait_for()
    page.evaluate("asked[0].allow()")
    page.wait_for_function("live.length === 1 && !live[0]()")


def test_of_two_cameras_chosen_at_once_the_later_one_stays(slow_camera):
    page = slow_camera()
    page.get_by_role("button", name="Use the camera").click()
    page.wait_for_function("asked.length === 1")
    page.evaluate("asked[0].allow()")
    devices = page.get_by_role("combobox", name="Camera")
    devices.select_option(index=1)
    devices.select_option(index=0)
    page.wait_for_function("asked.length === 3")
    page.evaluate("asked[2].allow()")
    page.wait_for_function("live.length === 2")
    page.evaluate("asked[1].allow()")
    page.wait_for_function("live.length === 3 && !live[2]()")
    assert page.evaluate("live.map((each) => each())") == [False, True, False]
    page.locator(".card").first.wait_for()


def test_a_camera_that_another_program_uses_says_so_and_the_next_try_takes_any(slow_camera):
    page = slow_camera()
    page.get_by_role("button", name="Use the camera").click()
    page.wait_for_function("asked.length === 1")
    page.evaluate("asked[0].allow()")
    page.locator(".card").first.wait_for()
    page.get_by_role("combobox", name="Camera").select_option(index=1)
    page.wait_for_function("asked.length === 2")
    page.evaluate("asked[1].deny(new DOMException('busy', 'NotReadableError'))")
    page.get_by_role("alert").get_by_text("another program").wait_for()
    page.get_by_role("button", name="Try again").click()
    page.wait_for_function("asked.length === 3")
    assert page.evaluate("asked.map(({ exact }) => exact !== null)") == [False, True, False]
    page.evaluate("asked[2].allow()")
    page.get_by_role("button", name="Stop").wait_for()


def test_a_lost_camera_is_looked_for_until_the_visitor_stops(slow_camera):
    page = slow_camera()
    page.get_by_role("button", name="Use the camera").click()
    page.wait_for_function("asked.length === 1")
    page.evaluate("asked[0].allow()")
    page.locator(".card").first.wait_for()
    page.evaluate(
        "document.querySelector('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))"
    )
    gone = "new DOMException('gone', 'NotFoundError')"
    page.wait_for_function("asked.length === 2")
    page.evaluate(f"asked[1].deny({gone})")
    page.get_by_role("alert").get_by_text("The camera went away").wait_for()
    later(page, 2)
    page.wait_for_function("asked.length === 3")
    page.get_by_role("button", name="Stop").click()
    page.evaluate(f"asked[2].deny({gone})")
    page.get_by_role("button", name="Start again").wait_for()
    later(page, 10)
    turned(page)
    assert page.evaluate("asked.length") == 3
    assert page.get_by_role("alert").all_inner_texts() == []


def test_a_paused_camera_that_goes_away_stays_paused(slow_camera):
    page = slow_camera()
    page.get_by_role("button", name="Use the camera").click()
    page.wait_for_function("asked.length === 1")
    page.evaluate("asked[0].allow()")
    page.locator(".card").first.wait_for()
    page.get_by_role("button", name="Pause").click()
    page.evaluate(
        "document.querySelector('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))"
    )
    turned(page)
    assert page.evaluate("asked.length") == 1
    page.get_by_role("button", name="Resume").click()
    page.wait_for_function("asked.length === 2")
    page.evaluate("asked[1].allow()")
    page.get_by_role("button", name="Pause").wait_for()


def test_clearing_begins_at_0(opened_with_camera):
    page = opened_with_camera()
    use_camera(page)
    later(page, 300)
    more_frames(page, frames(page))
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Clear", disabled=False).wait_for()
    page.locator(".card").first.wait_for()
    times = [row["timestamp_s"] for row in json.loads(saved(page, "JSON"))]
    assert times == sorted(times)
    assert times[-1] < 300


def wind(page, time_s: float) -> None:
    page.evaluate("(time_s) => { document.querySelector('video').currentTime = time_s; }", time_s)


def test_playing_and_winding_a_video_loses_nothing(opened, video):
    page = opened(worker="fake")
    ready(page)
    choose(page, video)
    analysed(page)
    before = saved(page, "JSON")
    page.evaluate("document.querySelector('video').play()")
    page.wait_for_function("document.querySelector('video').ended")
    for time_s in (1, 0, 2):
        wind(page, time_s)
        page.wait_for_function(
            "(time_s) => document.querySelector('.lanes-of').ariaValueNow == time_s", arg=time_s
        )
    settled(page)
    assert saved(page, "JSON") == before


def test_a_click_on_the_timeline_shows_that_moment(opened, video):
    page = opened(worker="fake")
    ready(page)
    choose(page, video)
    analysed(page)
    lanes = page.get_by_role("slider", name="Position in the video")
    box = lanes.bounding_box()
    lanes.click(position={"x": box["width"] * 2 / 3, "y": box["height"] / 2})
    at = "document.querySelector('video').currentTime"
    page.wait_for_function(f"Math.abs({at} - 2) < 0.1")
    lanes.press("Home")
    page.wait_for_function(f"{at} === 0")
    lanes.press("ArrowRight")
    page.wait_for_function(f"Math.abs({at} - 1) < 0.1")


def test_a_moment_of_change_is_a_link_to_it(opened, two_colours):
    page = opened(worker="fake")
    ready(page)
    choose(page, two_colours)
    analysed(page)
    page.get_by_role("button", name="Person 1 happy → neutral").click()
    page.wait_for_function("Math.abs(document.querySelector('video').currentTime - 1) < 0.1")
    assert "Person 1: happy 75%" in saved(page, "SRT")


@pytest.fixture
def two_colours(tmp_path: Path) -> Path:
    """What a fake worker takes for one expression of a person and then for another one."""
    colours = [(0, 255, 0)] * 10 + [(255, 0, 0)] * 10
    frames_rgb = (np.full((96, 128, 3), colour, np.uint8) for colour in colours)
    timed = ((number / 10, pixels) for number, pixels in enumerate(frames_rgb))
    return write_video(tmp_path / "colours.webm", timed, codec="libvpx")


def test_what_could_be_read_of_a_damaged_video_is_kept_and_the_rest_is_told(opened, tmp_path):
    whole = tmp_path / "whole.mp4"
    faststart = {"movflags": "+faststart"}
    with av.open(str(whole), "w", format="mp4", options=faststart) as video:
        stream = video.add_stream("libx264", rate=20, options={"g": "5"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        noise = np.random.default_rng(1).integers(0, 256, (60, 96, 128, 3), np.uint8)
        for pixels in noise:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        video.mux(stream.encode(None))
    content = whole.read_bytes()
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content[: len(content) // 2])
    page = opened(worker="fake")
    ready(page)
    choose(page, path)
    page.locator(".fault", has_text="What was read is kept").wait_for()
    *rows, error = json.loads(saved(page, "JSON"))
    assert 20 <= len(rows) < 40
    assert "What was read is kept" in error["error"]
    top = saved(page, "Report").split("<dl")[0]
    assert '<p class="missing">The video is' in top
    assert "not read to its end" not in top


NO_DECODER = "delete window.VideoDecoder;"


def test_where_frames_cannot_be_decoded_the_video_is_played_out_of_sight(opened, video):
    page = opened(worker="fake", prepare=lambda page: page.add_init_script(NO_DECODER))
    ready(page)
    choose(page, video)
    count = analysed(page)
    rows = json.loads(saved(page, "JSON"))
    assert len(rows) == count
    skipped = page.get_by_text("This browser left out")
    told = re.search(r"\d+", skipped.text_content())[0] if skipped.count() else 0
    # The first frames may have been shown before anybody could hear of them.
    assert 43 <= count + int(told) <= 45
    times = [row["timestamp_s"] for row in rows]
    assert times == sorted(set(times))


SLOW_BITMAPS = """
const real = createImageBitmap;
let asked = 0;
window.overtaken = 0;
window.letGo = () => {};
window.createImageBitmap = async (source, ...rest) => {
  const bitmap = await real(source, ...rest);
  if (!(source instanceof HTMLVideoElement)) return bitmap;
  if (asked++ % 2 === 0) {
    await new Promise((done) => { window.letGo = done; });
  } else {
    overtaken++;
    setTimeout(letGo);
  }
  return bitmap;
};
"""


def test_frames_keep_their_order_where_a_bitmap_takes_longer_than_the_next(opened_with_camera):
    page = opened_with_camera("", SLOW_BITMAPS)
    ready(page)
    page.get_by_role("button", name="Use the camera").click()
    page.wait_for_function("overtaken === 4")
    page.get_by_role("button", name="Pause").click()
    turned(page)
    page.evaluate("letGo()")
    settled(page)
    times = [row["timestamp_s"] for row in json.loads(saved(page, "JSON"))]
    assert len(times) > 5
    assert times == sorted(times)


UNREADABLE = """
window.heard = 0;
window.readable = false;
{
  const { prototype } = HTMLVideoElement;
  const real = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "readyState");
  Object.defineProperty(prototype, "readyState", {
    get() { return readable ? real.get.call(this) : Math.min(1, real.get.call(this)); },
  });
  const wait = prototype.requestVideoFrameCallback;
  prototype.requestVideoFrameCallback = function (hear) {
    if (heard === 0) wait.call(this, () => { heard++; hear(); });
  };
  window.becomeReadable = () => {
    readable = true;
    document.querySelector("video").dispatchEvent(new Event("canplay"));
  };
}
"""
"""One frame is heard of, and the browser says only later that it can be read."""


def test_a_denied_camera_says_what_to_do(opened):
    page = opened(worker="none")
    page.evaluate(DENIED)
    page.get_by_role("button", name="Use the camera").click()
    told = page.get_by_role("alert")
    told.get_by_text("The camera is blocked for this page").wait_for()
    # Beside the button, with the steps of this browser.
    assert page.locator(".pitch .refusal").count() == 1
    assert told.get_by_role("listitem").first.inner_text().startswith("Click the icon")
    button = page.get_by_role("button", name="Use the camera").bounding_box()
    assert 0 < told.bounding_box()["y"] - button["y"] < 3 * button["height"]
    page.evaluate(
        "navigator.mediaDevices.getUserMedia = async () => "
        "document.createElement('canvas').captureStream(); null"
    )
    page.get_by_role("button", name="Try again").click()
    page.locator("video").wait_for()
    assert page.locator(".refusal").count() == 0


def test_a_frame_that_is_heard_of_before_it_can_be_read_is_looked_at_when_it_can(
    opened_with_camera,
):
    page = opened_with_camera("", UNREADABLE)
    ready(page)
    page.get_by_role("button", name="Use the camera").click()
    page.wait_for_function("heard === 1")
    settled(page)
    assert frames(page) == 0
    page.evaluate("becomeReadable()")
    page.locator(".card").wait_for()
    settled(page)
    assert len(json.loads(saved(page, "JSON"))) == 1


@pytest.mark.parametrize("size", [(640, 400), (844, 390), (960, 540)])
def test_phones_on_their_side_and_200_percent_show_faces_beside_the_image(opened, size):
    page = opened(worker="fake", viewport={"width": size[0], "height": size[1]})
    ready(page)
    choose(page, SAMPLES / "eileen_collins.jpg")
    page.locator(".card .bars").wait_for()
    image, card = page.locator(".view").bounding_box(), page.locator(".card").bounding_box()
    assert card["x"] >= image["x"] + image["width"]
    assert card["y"] < image["y"] + image["height"]
    assert image["height"] <= size[1]
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


@pytest.mark.parametrize("size", [(640, 400), (800, 360)])
def test_the_samples_label_lies_in_the_part_that_is_seen(opened, size):
    page = opened(worker="fake", viewport={"width": size[0], "height": size[1]})
    ready(page)
    canvas = page.locator(".portrait .overlay")
    box = canvas.bounding_box()
    width, height, rows = canvas.evaluate(
        """(canvas) => {
          const { width, height } = canvas;
          const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
          const dark = (at) => pixels[at] < 30 && pixels[at + 3] > 200 && pixels[at + 3] < 220;
          const rows = new Set();
          for (let at = 0; at < pixels.length; at += 4) {
            if (dark(at)) rows.add(Math.floor(at / 4 / width));
          }
          return [width, height, rows.size];
        }"""
    )
    assert width / height == pytest.approx(box["width"] / box["height"], rel=0.01)
    assert rows * box["height"] / height > 18
    last = page.locator(".top nav a").last.bounding_box()
    nav = page.locator(".top nav").bounding_box()
    assert last["x"] + last["width"] <= nav["x"] + nav["width"] + 1


def test_an_hevc_video_is_named_with_what_to_do(opened, tmp_path):
    path = tmp_path / "phone.mov"
    with av.open(path, "w") as video:
        stream = video.add_stream("libx265", rate=15)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_tag = "hvc1"
        stream.options = {"x265-params": "log-level=none", "preset": "ultrafast"}
        video.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        video.mux(stream.encode())
    page = opened(worker="none")
    choose(page, path)
    told = page.get_by_role("alert")
    told.get_by_text("phone.mov is HEVC (H.265)").wait_for()
    assert "ffmpeg -i" in told.inner_text()


def test_how_it_works_shows_every_step(opened):
    page = opened("#/how")
    page.locator(".numbers").wait_for()
    assert page.locator(".step").count() == 7
    assert page.locator(".parts .bar").count() == 7
    opinions = page.locator(".opinions .bars")
    assert opinions.count() == 4
    ferplus, fer2013 = (
        opinions.nth(place).locator(".bar > span:first-child").all_inner_texts() for place in (0, 1)
    )
    assert len(ferplus) == 8
    assert [label for label in ferplus if label in fer2013] == fer2013


def test_the_figures_of_the_model_are_those_of_its_file(opened):
    page = opened("#/about", worker="none")
    page.locator("summary", has_text="Figures").click()
    page.locator(".figures").wait_for()
    figures = mien.Analyzer().model.spec.figures
    for name, value in figures.items():
        protocol, metric = name.split(": ")
        if metric == "accuracy":
            rows = (
                page.get_by_role("row").get_by_text(f"{100 * value:.1f}%", exact=True).locator("..")
            )
            # Two protocols may have the same accuracy.
            named = {"leak-free" in text for text in rows.all_inner_texts()}
            assert ("leak-free" in protocol) in named, protocol


def test_every_protocol_has_a_name_in_every_language(opened):
    page = opened("#/about", worker="none")
    page.locator("summary", has_text="Figures").click()
    values = set()
    for language in ("en", "ko", "ja"):
        page.get_by_role("combobox").first.select_option(language)
        page.locator(f"html[lang={language}] .figures").first.wait_for()
        values.add(tuple(page.locator(".figures td").all_inner_texts()))
        named = page.locator(".figures th[scope=row]").all_inner_texts()
        assert len(named) == 2 * len(PROTOCOLS)
        assert not [name for name in named if any(protocol in name for protocol in PROTOCOLS)]
    # The rows stand in one order, whatever the language; what users see comes first.
    assert len(values) == 1
    page.get_by_role("combobox").first.select_option("en")
    page.locator("html[lang=en] .figures").wait_for()
    named = page.locator(".figures th[scope=row]").all_inner_texts()
    assert "six expressions, FER+ majority" in named[0]


def test_about_begins_with_four_figures_of_the_model_file(opened):
    page = opened("#/about", worker="none")
    page.locator(".key-figures").wait_for()
    figures = mien.Analyzer().model.spec.figures
    six = next(name for name in figures if name.endswith("six-ferplus, leak-free: accuracy"))
    found = page.locator(".key-figures dd").all_inner_texts()
    assert len(found) == 4
    assert found[0] == f"{figures[six]:.1%}"
    assert page.locator("details[open]").count() == 0


@pytest.mark.parametrize(
    ("locale", "language", "headline"),
    [("ko-KR", "ko", "어떤 표정"), ("ja-JP", "ja", "どんな表情"), ("fr-FR", "en", "What does")],
)
def test_it_speaks_the_visitors_language(opened, locale, language, headline):
    page = opened(locale=locale, worker="none")
    page.get_by_role("heading", level=1).get_by_text(headline).wait_for()
    assert page.locator("html").get_attribute("lang") == language


def test_another_language_and_other_colours_stay_after_a_reload(opened):
    page = opened(worker="none")
    page.get_by_role("combobox", name="Language").select_option("ja")
    page.get_by_role("combobox", name="配色").select_option("dark")
    page.reload()
    page.get_by_role("heading", level=1).get_by_text("どんな表情").wait_for()
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(19, 20, 23)"


def test_nothing_is_wider_than_a_phone(opened):
    page = opened(worker="fake", viewport={"width": 360, "height": 740})
    for fragment, done in (("#/", ".overlay.drawn"), ("#/how", ".numbers"), ("#/about", ".about")):
        page.evaluate("(fragment) => { location.hash = fragment; }", fragment)
        page.locator(done).first.wait_for()
        page.wait_for_function("document.querySelector('.loading') === null")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, fragment


@pytest.mark.parametrize(
    "state",
    [
        *("start", "photos", "crowd", "video", "broken", "camera", "stopped", "denied", "how"),
        *("about", "play", "round", "card", "asked", "taught", "units"),
    ],
)
def test_axe_finds_no_violation(opened, opened_with_camera, video, tmp_path, state):
    pages = {"how": "how", "about": "about", "play": "play", "round": "play", "card": "play"}
    fragment = f"#/{pages[state]}" if state in pages else ""
    watched = state in ("camera", "stopped", "round", "card")
    page = (opened_with_camera if watched else opened)(
        fragment, worker="fake", reduced_motion="reduce"
    )
    if fragment == "":
        ready(page)
    if state in ("photos", "asked", "units"):
        choose(page, SAMPLES / "eileen_collins.jpg", SAMPLES / "grace_hopper.jpg")
    if state == "crowd":
        Image.new("RGB", CROWD_WH, (0, 255, 0)).save(tmp_path / "crowd.png")
        choose(page, tmp_path / "crowd.png")
    if state == "video":
        choose(page, video)
        analysed(page)
    if state == "broken":
        (tmp_path / "broken.jpg").write_bytes(b"no image")
        choose(page, tmp_path / "broken.jpg")
    if state == "denied":
        page.evaluate(DENIED)
    if state in ("camera", "stopped", "denied"):
        page.get_by_role("button", name="Use the camera").click()
    if state == "stopped":
        somebody_goes(page)
        page.get_by_role("button", name="Stop").click()
    if state == "about":
        for fold in page.locator("summary").all():
            fold.click()
    if state in ("round", "card"):
        page.get_by_role("button", name="Start with the camera").click()
        page.locator(".takes").get_by_text("75%").first.wait_for()
    if state == "card":
        later(page, 31)
    if state == "asked":
        page.get_by_role("button", name="Why?").click()
    if state == "units":
        page.get_by_role("button", name="Expression units").click()
    if state == "taught":
        paths = [tmp_path / "green.png", tmp_path / "red.png"]
        for path, colour in zip(paths, ((0, 255, 0), (255, 0, 0)), strict=True):
            Image.new("RGB", (300, 200), colour).save(path)
        choose(page, *paths)
        for photo, label in (("Photo 1: green.png", "sad"), ("Photo 2: red.png", "fear")):
            page.get_by_role("button", name=photo).click()
            page.get_by_role("button", name="Wrong?").click()
            page.locator(".opened .chip", has_text=label).click()
        page.get_by_role("button", name="Wrong?").click()
    marks = {
        "play": ".wanted li",
        "round": ".ring",
        "card": ".game-card",
        "asked": ".parts .bar",
        "taught": ".face-map image",
        "units": ".face-diagram",
        "start": "h1",
        "crowd": ".tile",
        "broken": ".message",
        "denied": ".refusal",
        "how": ".numbers",
        "about": ".figures",
    }
    page.locator(marks.get(state, ".card .bars")).first.wait_for()
    page.add_script_tag(path=WEB / "node_modules" / "axe-core" / "axe.min.js")
    for colours, width in (("light", 1280), ("dark", 1280), ("light", 360)):
        page.emulate_media(color_scheme=colours)
        page.set_viewport_size({"width": width, "height": 800})
        turned(page)
        found = page.evaluate("axe.run().then((results) => results.violations)")
        told = [(each["id"], each["nodes"][0]["html"]) for each in found]
        assert told == [], (colours, width)


def somebody_goes(page) -> None:
    """Let one person be seen for a while, then another one alone."""
    page.locator(".card").first.wait_for()
    more_frames(page, 12)
    show(page, 1)
    page.wait_for_function("document.querySelectorAll('.card').length === 2")
    later(page, 0.8)
    page.locator(".card.away").first.wait_for()


def test_it_works_offline_after_the_first_visit(browser, page_folder):
    context = browser.new_context(locale="en-GB")
    context.set_default_timeout(READY_MS)
    asked: list[str] = []
    with hosted(page_folder, asked) as host:
        page = context.new_page()
        page.goto(f"{host}/")
        ready(page)
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.wait_for_function("navigator.serviceWorker.controller !== null")
        models = [path for path in asked if ".onnx" in path]
        assert len(models) == len(set(models)) == 2
        units_on(page)
        page.wait_for_function(
            "async () => (await caches.match('models/units.onnx', { ignoreSearch: true })) != null"
        )
    # The host is gone.
    page.reload()
    ready(page)
    page.get_by_role("button", name="Grace Hopper").click()
    page.wait_for_function("document.querySelector('[alt=\"Grace Hopper\"]')?.naturalWidth > 0")
    # The worker isolates the page where the host does not, so that there may be threads.
    assert page.evaluate("crossOriginIsolated")
    units_on(page)
    context.close()


def test_who_is_in_view_comes_first_and_is_told_from_who_is_away(opened_with_camera):
    page = opened_with_camera()
    use_camera(page)
    somebody_goes(page)
    away = page.evaluate(
        "[...document.querySelectorAll('.card')].map((card) => card.matches('.away'))"
    )
    assert away == [False, True]
    assert page.locator(".card.away .bars").count() == 0


def test_the_stage_has_the_shape_of_the_image(opened):
    page = opened(worker="fake")
    choose(page, SAMPLES / "grace_hopper.jpg")
    page.locator(".card .label").wait_for()
    with Image.open(SAMPLES / "grace_hopper.jpg") as photo:
        expected = photo.width / photo.height
    for width in (1280, 420):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(
            "(ratio) => ['.view', 'canvas.overlay'].every((name) => {"
            "const { width, height } = document.querySelector(name).getBoundingClientRect();"
            "return Math.abs(width / height - ratio) < 0.01; })",
            arg=expected,
        )


def test_nothing_leaves_the_device(opened, images, address):
    asked: list[tuple[str, str]] = []

    def watch(page):
        # Of the whole context: the page from its first byte, its workers, its service worker.
        page.context.on("request", lambda request: asked.append((request.method, request.url)))
        page.on("websocket", lambda socket: asked.append(("websocket", socket.url)))

    use_camera(opened(prepare=watch, permissions=["camera"]))
    page = opened(prepare=watch)
    choose(page, *images)
    page.get_by_text(re.compile(f"{len(images)} photos, ")).wait_for()
    assert ("GET", address) in asked
    assert any(url.endswith(".wasm") for _, url in asked)
    for method, url in asked:
        assert method == "GET"
        assert url.startswith((address, "blob:"))


def test_the_first_visit_is_at_most_6_mb():
    files = [path for path in BUILT_PAGE.rglob("*") if path.suffix not in (".br", ".gz")]
    sizes = [_wire_size(path) for path in files if path.is_file()]
    shipped = BUILT_PAGE.parent
    models = sum((shipped / name).stat().st_size for name in ("emotion.onnx", "face.onnx"))
    samples = sum(path.stat().st_size for path in SAMPLES.glob("*.jpg"))
    assert sum(sizes) + models + samples < 6e6


def _wire_size(path: Path) -> int:
    packed = path.with_name(path.name + ".br")
    return (packed if packed.exists() else path).stat().st_size
