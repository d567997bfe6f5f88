"""What there is to do on the page: a game with the camera, why, and teaching; in a real browser."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

import mien
from mien.emotions import SIX
from tests.videos import write_video
from tests.web.conftest import SAMPLES
from tests.web.driving import (
    DENIED,
    analysed,
    answering,
    choose,
    file_shown,
    later,
    ready,
    saved,
    settled,
    show,
    turned,
)

COLLINS = SAMPLES / "eileen_collins.jpg"
ROUND_S = 5

EXPLANATIONS = """
window.explanations = [];
{
  const real = Object.getOwnPropertyDescriptor(window.Worker.prototype, "onmessage");
  const Observed = window.Worker;
  window.Worker = class extends Observed {
    set onmessage(listener) {
      super.onmessage = (event) => {
        if (event.data.answer?.parts !== undefined) explanations.push(event.data.answer);
        listener(event);
      };
    }
  };
}
"""
"""Keeps each explanation as it comes from the worker, with all of its digits."""

SHARING = """
window.shared = [];
navigator.canShare = ({ files }) => files.every((file) => file.type === "image/png");
navigator.share = async ({ files }) => { shared.push(...files.map((file) => file.size)); };
"""


def seen(page, number: int, score: str) -> None:
    """Wait until a round of the game has a score."""
    page.locator(".takes li").nth(number).get_by_text(score, exact=True).wait_for()


def played(page) -> None:
    """Play a game: the first face shows happy for three rounds, the second one neutral."""
    page.get_by_role("button", name="Start with the camera").click()
    for number, score in enumerate(("75%", "5%", "5%", "5%", "5%", "5%")):
        seen(page, number, score)
        later(page, ROUND_S)
    page.locator(".game-card").wait_for()


def test_a_game_of_six_faces_ends_with_a_card_that_is_saved_or_shared(opened_with_camera):
    page = opened_with_camera("#/play", SHARING)
    show(page, 0)
    played(page)
    scores = page.locator(".game-card").get_attribute("alt")
    assert scores == ("Your card: happy 75%, neutral 5%, sad 5%, angry 5%, fear 5%, surprise 5%")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the card").click()
    card = Image.open(download.value.path()).convert("RGB")
    assert card.width == 1080
    assert card.getpixel((200, 300))[1] > 200  # the green that the camera shows
    page.get_by_role("button", name="Share").click()
    page.wait_for_function("shared.length === 1 && shared[0] > 1000")
    page.get_by_role("button", name="Play again").click()
    page.locator(".rounds").wait_for()
    page.get_by_role("button", name="Stop").click()
    assert page.locator(".game-card").get_attribute("alt") == scores
    page.evaluate(DENIED)
    page.get_by_role("button", name="Play again").click()
    page.locator(".refusal").wait_for()
    assert page.locator(".game-card").get_attribute("alt") == scores


def test_the_clock_of_the_game_waits_for_a_face_and_each_round_wants_another_one(
    opened_with_camera,
):
    page = opened_with_camera("#/play")
    show(page, 2)
    page.get_by_role("button", name="Start with the camera").click()
    page.get_by_text("The clock starts when your face is in view").wait_for()
    later(page, 3 * ROUND_S)
    turned(page)
    assert page.locator(".takes [aria-current]").inner_text().startswith("happy")
    show(page, 0)
    seen(page, 0, "75%")
    show(page, 1)
    later(page, ROUND_S)
    page.get_by_role("heading", name="neutral").wait_for()
    seen(page, 1, "75%")
    assert page.get_by_role("progressbar", name="neutral").get_attribute("aria-valuenow") == "75"


def test_a_refusal_is_not_said_below_an_earlier_fault(opened_with_camera):
    page = opened_with_camera("#/play")
    page.get_by_role("button", name="Start with the camera").click()
    seen(page, 0, "75%")
    page.evaluate(
        "document.querySelector('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))"
    )
    page.get_by_text("The camera went away, and the game with it.").wait_for()
    page.evaluate(DENIED)
    page.get_by_role("button", name="Start with the camera").click()
    page.locator(".refusal").wait_for()
    assert page.locator(".trouble").count() == 0


def test_leaving_the_game_switches_the_camera_off(opened_with_camera):
    page = opened_with_camera("#/play")
    page.get_by_role("button", name="Start with the camera").click()
    seen(page, 0, "75%")
    page.evaluate("window.tracks = document.querySelector('video').srcObject.getTracks()")
    page.get_by_role("link", name="How it works").click()
    page.wait_for_function("tracks.every((track) => track.readyState === 'ended')")


def test_a_refused_game_has_one_button_for_another_try(opened):
    page = opened("#/play", worker="fake")
    page.evaluate(DENIED)
    page.get_by_role("button", name="Start with the camera").click()
    page.locator(".refusal").wait_for()
    buttons = page.locator("main button").all_inner_texts()
    assert [text.strip() for text in buttons] == ["Try again"]


def test_why_gives_the_parts_that_python_gives(opened):
    page = opened(prepare=lambda page: page.add_init_script(EXPLANATIONS))
    choose(page, COLLINS)
    page.get_by_role("button", name="Why?").click()
    page.locator(".parts .bar").first.wait_for()
    here = page.evaluate("explanations[0].parts")
    (there,) = mien.Analyzer().explain(COLLINS)
    assert [part["name"] for part in here] == list(there.parts)
    bits = [part["bits"] for part in here]
    np.testing.assert_allclose(bits, list(there.parts.values()), atol=0.1)
    for part in here:
        expected = [there.covered[part["name"]][label] for label in SIX.labels]
        np.testing.assert_allclose(part["probabilities"], expected, atol=0.01)
    first = page.locator(".parts .bar").first.inner_text()
    assert first.split() == [
        next(iter(there.parts)),
        f"{here[0]['probabilities'][SIX.index(there.prediction.emotion)]:.0%}",
    ]


@pytest.mark.parametrize("source", ["photos", "camera"])
def test_why_is_answered_for_what_the_stage_shows(opened_with_camera, source):
    page = opened_with_camera()
    ready(page)
    if source == "photos":
        choose(page, COLLINS)
    else:
        page.get_by_role("button", name="Use the camera").click()
    why = page.get_by_role("button", name="Why?")
    why.click()
    page.get_by_text("With the mouth covered, “happy” goes from 75% to 17%.").wait_for()
    assert page.locator(".parts .bar").count() == 7
    why.click()
    page.wait_for_function("document.querySelector('.parts') === null")


def test_why_is_asked_again_for_another_moment_of_a_video(opened, tmp_path):
    colours = [(0, 255, 0)] * 10 + [(255, 0, 0)] * 10
    frames_rgb = (np.full((96, 128, 3), colour, np.uint8) for colour in colours)
    timed = ((number / 10, pixels) for number, pixels in enumerate(frames_rgb))
    page = opened(worker="fake")
    ready(page)
    choose(page, write_video(tmp_path / "colours.webm", timed, codec="libvpx"))
    analysed(page)
    page.get_by_role("button", name="Why?").click()
    page.get_by_text("With the mouth covered, “happy” goes").wait_for()
    page.get_by_text("the answer above is smoothed over time").wait_for()
    page.get_by_role("slider", name="Position in the video").press("End")
    page.get_by_text("With the mouth covered, “neutral” goes").wait_for()
    page.get_by_role("button", name="Smooth over time").click()
    page.get_by_role("button", name="Why?").click()
    page.locator(".parts").wait_for()
    assert page.get_by_text("is smoothed over time").count() == 0


def test_who_corrects_a_face_is_believed_and_can_take_it_back(opened, tmp_path):
    page = opened(worker="fake")
    paths = [tmp_path / "green.png", tmp_path / "red.png"]
    for path, colour in zip(paths, ((0, 255, 0), (255, 0, 0)), strict=True):
        Image.new("RGB", (300, 200), colour).save(path)
    choose(page, *paths)
    file_shown(page, "green.png")
    page.get_by_role("button", name="Wrong?").click()
    page.get_by_role("group", name="It shows").get_by_role("button", name="sad").click()
    page.get_by_role("heading", name="You taught 1 face", exact=True).wait_for()
    assert page.locator(".taught-answer").inner_text().lower().startswith("sad")
    taught = json.loads(saved(page, "Export"))
    assert [lesson["label"] for lesson in taught["lessons"]] == ["sad"]
    assert np.shape(taught["weights"]) == (6, 16)
    # The rows stay the model's own.
    assert [row["emotion"] for row in json.loads(saved(page, "JSON"))] == ["happy", "neutral"]
    page.get_by_role("button", name="Photo 2: red.png").click()
    file_shown(page, "red.png")
    assert page.locator(".taught-answer").inner_text().lower().startswith("neutral")
    page.get_by_role("button", name="Wrong?").click()
    page.get_by_role("group", name="It shows").get_by_role("button", name="fear").click()
    page.get_by_role("heading", name="You taught 2 faces").wait_for()
    assert page.get_by_role("img", name="Map of the faces you taught: sad 1, fear 1").is_visible()
    # What is said of a face later takes the place of what was said before.
    page.get_by_role("button", name="Wrong?").click()
    page.get_by_role("group", name="It shows").get_by_role("button", name="angry").click()
    page.get_by_role("img", name="Map of the faces you taught: sad 1, angry 1").wait_for()
    assert page.evaluate("document.activeElement.textContent") == "Wrong?"
    assert page.locator(".face-map image").count() == 2
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("heading", name="You taught 1 face", exact=True).wait_for()
    asked = answering(page, True)
    page.get_by_role("button", name="Forget all").click()
    page.wait_for_function("document.querySelector('.lessons') === null")
    assert asked == ["Forget everything that was taught?"]
    assert page.evaluate("document.activeElement.id") == "faces-heading"
    assert page.locator(".taught-answer").count() == 0
    settled(page)
