"""How quick and how large the web page is, in Chromium, served by `mien serve` on this machine.

    python benchmarks/page.py --json benchmarks/results/page.json --write docs/benchmarks.md

A fake camera plays a video of the sample photos at 640x480 and 30 frames a second. With `--slow` it
says instead how long a first visit over a slow line takes, and with `--minutes 10` how the page's
memory went over that time, which may be done on a busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import uvicorn
from machine import machine
from marked import markdown_table, write_json, write_marked
from playwright.sync_api import Page, sync_playwright

from mien.server import ServerOptions, create_app

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.web.conftest import CHROMIUM_FLAGS, write_camera_video

WATCH_LONG_TASKS = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longTasks.push(entry.duration);
}).observe({ type: "longtask", buffered: true });
"""


SLOW_MBIT_S = 1.6
"""A slow mobile network's, as browsers' developer tools have it."""
SLOW_LATENCY_S = 0.15
PIECE_BYTES = 4096
LATE_S = 0.1
"""By so much a piece may be late without the line being slower for it."""


class Line:
    """The line between an application and a browser: counts bytes, and may be slow.

    The browser's own throttling leaves out what a worker of the page asks for, which is most of it.
    """

    def __init__(self, app) -> None:
        self.app, self.bytes = app, 0
        self.is_slow = False
        self.turn = asyncio.Lock()
        self.free_at = 0.0

    async def __call__(self, scope, receive, send) -> None:
        """Pass a request on."""

        async def passing(message) -> None:
            body = message.get("body", b"")
            self.bytes += len(body)
            if not self.is_slow or len(body) == 0:
                await send(message)
                return
            for start in range(0, len(body), PIECE_BYTES):
                piece = body[start : start + PIECE_BYTES]
                is_last = start + PIECE_BYTES >= len(body)
                async with self.turn:  # all that comes at a time shares the line
                    now = time.monotonic()
                    # Who woke a little late has not lost the time.
                    self.free_at = max(now - LATE_S, self.free_at)
                    self.free_at += 8 * len(piece) / (SLOW_MBIT_S * 1e6)
                    await asyncio.sleep(self.free_at - now)
                more = not is_last or message.get("more_body", False)
                await send({**message, "body": piece, "more_body": more})

        if self.is_slow and scope["type"] == "http":
            await asyncio.sleep(SLOW_LATENCY_S)
        await self.app(scope, receive, passing)


def renderer_mb() -> float:
    """Return the memory of the largest of Chromium's renderers that this process started."""
    listed = subprocess.run(
        ["ps", "-eo", "pid,ppid,rss,args"], capture_output=True, text=True, check=True
    ).stdout
    processes = [line.split(None, 3) for line in listed.splitlines()[1:]]
    parents = {pid: parent for pid, parent, _, _ in processes}

    def ours(pid: str) -> bool:
        while pid not in ("0", str(os.getpid())):
            pid = parents.get(pid, "0")
        return pid != "0"

    sizes = [
        int(size)
        for pid, _, size, command in processes
        if "--type=renderer" in command and ours(pid)
    ]
    return max(sizes) / 1024


def measure_speed(page: Page, address: str, line: Line) -> list[list[str]]:
    """Visit the page, use its camera, and return the rows."""
    page.add_init_script(WATCH_LONG_TASKS)
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".overlay.drawn", timeout=60_000)
    ready_s = time.perf_counter() - began
    page.wait_for_load_state("networkidle")
    first_mb = line.bytes / 1e6
    at_first = page.evaluate("window.longTasks")
    threads = page.evaluate("crossOriginIsolated")
    use_camera(page)
    page.evaluate("window.longTasks.length = 0")
    before, began = frames(page), time.perf_counter()
    time.sleep(10)
    spent_s = time.perf_counter() - began
    rate = (frames(page) - before) / spent_s
    tasks = page.evaluate("window.longTasks")
    return [
        ["first visit, over the wire", f"{first_mb:.2f} MB"],
        ["from the address to the first result on the sample photo", f"{ready_s:.1f} s"],
        ["on the way main thread blocked for over 50 ms", blocked(at_first)],
        ["camera, 640x480 at 30 a second: analysed", f"{rate:.1f} a second"],
        ["from a camera's frame to its answer", latency(page)],
        [f"main thread blocked for over 50 ms in {spent_s:.0f} s of that", blocked(tasks)],
        ["isolated, so that threads are allowed", "yes" if threads else "no"],
    ]


def measure_slow(page: Page, address: str, line: Line) -> list[list[str]]:
    """Visit the page for the first time over a slow line, and return the rows."""
    line.is_slow = True
    began = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".overlay.faces, .overlay.drawn", timeout=120_000)
    faces_s = time.perf_counter() - began
    page.wait_for_selector(".overlay.drawn", timeout=120_000)
    ready_s = time.perf_counter() - began
    line.is_slow = False
    network = f"{SLOW_MBIT_S:g} Mbit/s, {1000 * SLOW_LATENCY_S:.0f} ms"
    return [
        [f"over {network}: the first face is found", f"{faces_s:.1f} s"],
        [f"over {network}: its expression is said", f"{ready_s:.1f} s"],
    ]


def measure_memory(page: Page, address: str, minutes: float) -> list[list[str]]:
    """Let the camera run and return how large the page was on the way."""
    page.goto(address)
    page.wait_for_selector(".overlay.drawn", timeout=60_000)
    use_camera(page)
    sizes: list[float] = []
    before, began = frames(page), time.perf_counter()
    while time.perf_counter() - began < 60 * minutes:
        time.sleep(5)
        sizes.append(renderer_mb())
    tenth = max(1, len(sizes) // 10)
    first, last = (statistics.median(part) for part in (sizes[:tenth], sizes[-tenth:]))
    return [
        ["camera", f"{minutes:g} minutes, {frames(page) - before:,} frames"],
        ["memory of the page, median of the first tenth", f"{first:.0f} MB"],
        ["median of the last tenth", f"{last:.0f} MB"],
        ["most", f"{max(sizes):.0f} MB"],
    ]


def use_camera(page: Page) -> None:
    """Start the camera and wait until it runs evenly."""
    page.get_by_role("button", name="Use the camera").click()
    page.locator(".card .bars").first.wait_for(timeout=60_000)
    time.sleep(3)


def blocked(tasks: list[float]) -> str:
    """Say how often and how long the main thread was blocked, milliseconds given."""
    if len(tasks) < 2:
        return f"once, {tasks[0]:.0f} ms" if tasks else "never"
    return f"{len(tasks)} times, {max(tasks):.0f} ms at most"


def latency(page: Page) -> str:
    """Read how long the page says that an answer took."""
    return page.locator(".speed").inner_text().split("answered after ")[1]


def frames(page: Page) -> int:
    """Read how many frames the page says it analysed."""
    said = re.search(r"([\d,]+) frame", page.locator(".totals").text_content() or "")
    if said is None:
        raise ValueError("the page says no number of frames")
    return int(said[1].replace(",", ""))


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, help="measure memory instead, for so long")
    parser.add_argument("--slow", action="store_true", help="measure a slow line instead")
    parser.add_argument("--json", type=Path, help="write the rows here too")
    parser.add_argument("--write", type=Path, nargs="*", default=[], help="Markdown with marks")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        line = Line(create_app(ServerOptions(jobs=Path(name) / "jobs")))
        settings = uvicorn.Config(line, port=0, log_level="error")
        listening = settings.bind_socket()
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        video = write_camera_video(Path(name) / "camera.mjpeg")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[*CHROMIUM_FLAGS, f"--use-file-for-fake-video-capture={video}"],
        )
        context = browser.new_context(permissions=["camera"], locale="en-GB")
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        if arguments.minutes is not None:
            mark = "page-memory"
            rows = measure_memory(context.new_page(), address, arguments.minutes)
        elif arguments.slow:
            mark = "page-slow"
            rows = measure_slow(context.new_page(), address, line)
        else:
            mark = "page"
            rows = measure_speed(context.new_page(), address, line)
        browser.close()
        server.should_exit = True
        thread.join()
    table = markdown_table([f"the page in Chromium on {machine()}, no GPU", "found"], rows)
    print(table)
    for path in arguments.write:
        write_marked(path, mark, table)
    if arguments.json:
        write_json(arguments.json, rows)


if __name__ == "__main__":
    main()
