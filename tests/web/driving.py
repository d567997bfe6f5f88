"""What a visitor does on the page, and what a test waits for: states, never a length of time."""

from __future__ import annotations

import base64
import mimetypes
from pathlib import Path

from mien.webpage.export import BUILT_PAGE

READY_MS = 120_000
"""Only what hangs takes so long, however busy the machine is."""

CROWD_WH = (120, 80)
"""An image of this size shows 96 faces to the fake worker."""

OBSERVED = """
window.pending = { answers: 0, bitmaps: 0 };
window.sessions = 0;
window.Worker = class extends Worker {
  postMessage(question, moved) {
    pending.answers++;
    sessions += question.name === "reset" ? 1 : 0;
    super.postMessage(question, moved);
  }
  set onmessage(listener) {
    super.onmessage = (event) => {
      if ("id" in event.data) pending.answers--;
      listener(event);
    };
  }
};
{
  const real = createImageBitmap;
  window.createImageBitmap = (...given) => {
    pending.bitmaps++;
    return real(...given).finally(() => pending.bitmaps--);
  };
}
window.framesShown = () => {
  const text = document.querySelector(".totals")?.textContent ?? "";
  return Number((text.match(/([\\d,]+) frames?/)?.[1] ?? "0").replaceAll(",", ""));
};
window.framesRead = () => {
  const text = document.querySelector(".reading")?.textContent ?? "";
  return Number((text.match(/([\\d,]+) frames?/)?.[1] ?? "0").replaceAll(",", ""));
};
"""
"""Counts what is on its way and the sessions that began, and reads how many frames the page says
that it analysed, of a camera and of a video."""


def ready(page) -> None:
    """Wait for the example on the first view: then the networks are loaded and ran once."""
    page.wait_for_selector(".overlay.drawn")


def choose(page, *paths: Path) -> None:
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Open photos or a video").click()
    chosen.value.set_files([str(path) for path in paths])


def saved(page, button: str) -> str:
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return Path(download.value.path()).read_text(encoding="utf-8")


def give(page, path: Path, way: str = "drop") -> None:
    """Drop or paste a file onto the page."""
    content = base64.b64encode(path.read_bytes()).decode()
    kind = mimetypes.guess_type(path.name)[0]
    page.evaluate(
        """async ([way, content, name, type]) => {
          const data = new DataTransfer();
          const blob = await (await fetch(`data:${type};base64,${content}`)).blob();
          data.items.add(new File([blob], name, { type }));
          document.body.dispatchEvent(
            way === "drop"
              ? new DragEvent(way, { bubbles: true, cancelable: true, dataTransfer: data })
              : new ClipboardEvent(way, { bubbles: true, clipboardData: data }),
          );
        }""",
        [way, content, path.name, kind],
    )


def units_on(page) -> None:
    """Choose a photo, and have its expression units read."""
    choose(page, BUILT_PAGE.parent / "samples" / "eileen_collins.jpg")
    page.locator(".card .bars").first.wait_for()
    page.get_by_role("button", name="Expression units").click()
    page.locator(".unit-bars .bar").first.wait_for()


def file_shown(page, name: str) -> None:
    """Wait until the photo on the stage is the one of a name."""
    page.locator(".filename").get_by_text(name, exact=True).wait_for()


def turned(page) -> None:
    """Wait until everything that follows from what has just happened is drawn."""
    page.evaluate(
        "new Promise((done) => "
        "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"
    )


def settled(page) -> None:
    """Wait until whatever was on its way is answered and drawn."""
    page.wait_for_function("pending.answers === 0 && pending.bitmaps === 0")
    turned(page)


def analysed(page) -> int:
    """Wait until every frame of a video is analysed; returns how many there were."""
    page.locator(".reading", has_text="read,").get_by_text("All ").wait_for()
    settled(page)
    return int(page.evaluate("framesRead()"))


def frames(page) -> int:
    """Return how many frames the page says that it analysed."""
    return page.evaluate("framesShown()")


def more_frames(page, least: int) -> None:
    """Wait until the page says that it analysed more than so many frames."""
    page.wait_for_function("(least) => framesShown() > least", arg=least)


def answering(page, *answers: bool) -> list[str]:
    """Answer the page's questions in turn; returns what it asked, which grows."""
    asked: list[str] = []

    def answer(dialog) -> None:
        asked.append(dialog.message)
        (dialog.accept if answers[len(asked) - 1] else dialog.dismiss)()

    page.on("dialog", answer)
    return asked


def use_camera(page) -> None:
    """Start the camera and wait until somebody is seen."""
    ready(page)
    page.get_by_role("button", name="Use the camera").click()
    page.locator(".card").first.wait_for()


def show(page, number: int | None) -> None:
    """Bring one of two people in front of the camera of `opened_with_camera`, or nobody."""
    page.evaluate("(number) => { camera.shown = number; }", number)


def later(page, seconds: float) -> None:
    """Let time pass on a page whose clock is the test's."""
    page.clock.fast_forward(round(1000 * seconds))


def failing_once(pattern: str):
    """Return what makes a page's first request of this kind fail."""
    return lambda page: page.route(pattern, lambda route: route.abort(), times=1)


DENIED = (
    "navigator.mediaDevices.getUserMedia = () => "
    "Promise.reject(new DOMException('denied', 'NotAllowedError')); null"
)
