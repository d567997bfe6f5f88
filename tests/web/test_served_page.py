"""The built page, as `mien serve` gives it, in a real browser."""

from __future__ import annotations

from mien.server import ServerOptions
from tests.server.conftest import PORTRAIT, listening
from tests.web.conftest import BUILT_PAGE, needed
from tests.web.driving import READY_MS


def test_the_page_works_under_its_security_headers_with_threads(browser, tmp_path):
    needed((BUILT_PAGE / "index.html").exists(), "the built page (make web)")
    said, refused = [], []
    with listening(ServerOptions(jobs=tmp_path)) as host:
        context = browser.new_context(permissions=["camera"], locale="en-GB")
        context.set_default_timeout(READY_MS)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("requestfailed", lambda request: refused.append(request.url))
        page.goto(host)
        page.wait_for_selector(".overlay.drawn")
        assert page.evaluate("crossOriginIsolated")
        with page.expect_file_chooser() as chosen:
            page.get_by_role("button", name="Open photos or a video").click()
        chosen.value.set_files([str(PORTRAIT)])
        page.locator(".card .bars").first.wait_for(timeout=60_000)
        page.get_by_role("button", name="Expression units").click()
        page.locator(".unit-bars .bar").first.wait_for(timeout=60_000)
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Use the camera").click()
        page.locator(".card .bars").first.wait_for(timeout=60_000)
        context.close()
    assert [text for text in said if "Content Security Policy" in text] == []
    assert refused == []
