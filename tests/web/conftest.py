"""The built page on a loopback host, and a real browser in front of it."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import io
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mien.detect import OnnxDetector
from mien.inference import EmotionModel
from mien.webpage.export import BUILT_PAGE, write_web_page
from tests.web.driving import OBSERVED, READY_MS

SAMPLES = BUILT_PAGE.parent / "samples"
WEB = Path(__file__).parents[2] / "web"
FAKE_WORKER = Path(__file__).parent / "fake_worker.js"
# What a window prepares beside its page: a whole page for suggestions below the address, one for
# answers by a service, and a process for the next site. For a short test that is half of its time.
_UNUSED_FEATURES = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "AimEnabled", "PreloadTopChromeWebUI"),
    "SpareRendererForSitePerProcess",
)
# Only the last flag with features counts, so that those that Playwright switches off are here, too.
_PLAYWRIGHTS_FEATURES = (
    *("AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync"),
    *("DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades"),
    *("LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints"),
    *("PaintHolding", "PreconnectToSearch", "ThirdPartyStoragePartitioning"),
)
CHROMIUM_FLAGS = (
    f"--disable-features={','.join((*_UNUSED_FEATURES, *_PLAYWRIGHTS_FEATURES))}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    # The browser's own services are not looked up; the tests' hosts are numbers.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--use-fake-device-for-media-stream",
)


def needed(found: object, what: str) -> None:
    """Skip what cannot run here, or fail where MIEN_BROWSER says that it has to run."""
    if not found:
        if os.environ.get("MIEN_BROWSER"):
            pytest.fail(f"{what} is missing, but MIEN_BROWSER asks for it")
        pytest.skip(f"needs {what}")


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which(os.environ.get("MIEN_BROWSER") or "chromium")
    needed(found, "Chromium")
    return str(found)


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    needed((BUILT_PAGE / "index.html").exists(), "the built page (make web)")
    folder = tmp_path_factory.mktemp("hosted") / "some" / "path"
    write_web_page(folder, EmotionModel(), OnnxDetector())
    return folder


class _Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def __init__(self, *given: object, asked: list[str], **options: object) -> None:
        self.asked = asked
        super().__init__(*given, **options)

    def log_message(self, *_: object) -> None:
        """Keep quiet, but for the address."""
        self.asked.append(self.path)


@contextlib.contextmanager
def hosted(folder: Path, asked: list[str] | None = None) -> Iterator[str]:
    """Host a folder as any plain web server does: no special headers.

    Args:
        folder: What is hosted.
        asked: Gets each address that is asked for.
    """
    asked = [] if asked is None else asked
    handler = functools.partial(_Handler, directory=str(folder), asked=asked)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def address(page_folder: Path) -> Iterator[str]:
    """The page on a plain host, below a path."""
    with hosted(page_folder.parents[1]) as host:
        yield f"{host}/some/path/"


@functools.cache
def scenes() -> tuple[Image.Image, ...]:
    """What a camera shows: one person, another one elsewhere in view, nobody."""
    made = []
    for name, area in (
        ("eileen_collins", (0, 0, 640, 480)),
        ("grace_hopper", (240, 180, 640, 480)),
        (None, None),
    ):
        scene = Image.new("RGB", (640, 480), (70, 80, 90))
        if name is not None:
            portrait = Image.open(SAMPLES / f"{name}.jpg").convert("RGB")
            portrait = portrait.crop((0, 0, portrait.width, portrait.width * 3 // 4))
            scene.paste(portrait.resize((area[2] - area[0], area[3] - area[1])), area[:2])
        made.append(scene)
    return tuple(made)


def write_camera_video(path: Path) -> Path:
    """Write a video for the fake camera: one person for two seconds, then the other."""
    with av.open(path, "w", format="mjpeg") as video:
        stream = video.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        stream.options = {"qmin": "2", "qmax": "3"}
        for scene in scenes()[:2]:
            frame = av.VideoFrame.from_ndarray(np.asarray(scene))
            for _ in range(60):
                video.mux(stream.encode(frame))
        video.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def camera_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_camera_video(tmp_path_factory.mktemp("camera") / "camera.mjpeg")


@pytest.fixture(scope="session")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of one portrait."""
    path = tmp_path_factory.mktemp("video") / "portrait.webm"
    portrait = Image.open(SAMPLES / "eileen_collins.jpg").convert("RGB").resize((480, 480))
    with av.open(path, "w") as video:
        stream = video.add_stream("libvpx", rate=15)
        stream.codec_context.thread_count = 1  # several wait for each other in busy loops
        stream.width, stream.height, stream.pix_fmt = 480, 480, "yuv420p"
        stream.options = {"deadline": "realtime", "b": "2M"}
        frame = av.VideoFrame.from_ndarray(np.asarray(portrait))
        for _ in range(45):
            video.mux(stream.encode(frame))
        video.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def browser(chromium: str, camera_video: Path) -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    flags = [
        *CHROMIUM_FLAGS,
        f"--use-file-for-fake-video-capture={camera_video}",
        # Networks that are compiled only once are a little slower, and ready in half of the time.
        "--js-flags=--liftoff-only",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, address: str) -> Iterator[Callable[..., object]]:
    """Open the page in a fresh context; an error in its console fails the test.

    `prepare` is called with the page before it is opened. For what the page itself does, the worker
    with its networks is left out: `worker="fake"` gives answers at once (see `fake_worker.js`), and
    `worker="none"` gives none.
    """
    contexts = []
    errors: list[str] = []

    def opened(
        fragment: str = "",
        prepare: Callable[..., object] | None = None,
        worker: str = "real",
        **options: object,
    ):
        usual = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"}
        # The worker that makes the page work offline would fetch everything once more.
        context = browser.new_context(**{"service_workers": "block", **usual, **options})
        context.set_default_timeout(READY_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.add_init_script(OBSERVED)
        if worker == "none":
            page.route("**/worker-*.js", lambda route: None)
        if worker == "fake":
            page.route("**/worker-*.js", lambda route: route.fulfill(path=FAKE_WORKER))
        if prepare is not None:
            prepare(page)
        page.goto(address + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not errors


SHOWN_CAMERA = """
window.camera = { shown: 0 };
{
  const scenes = SCENES.map((address) => Object.assign(new Image(), { src: address }));
  navigator.mediaDevices.getUserMedia = async () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [640, 480];
    const stream = canvas.captureStream();
    const show = () => canvas.getContext("2d").drawImage(scenes[camera.shown ?? 2], 0, 0);
    await Promise.all(scenes.map((scene) => scene.decode()));
    show();
    const shows = setInterval(() => (stream.active ? show() : clearInterval(shows)), 33);
    return stream;
  };
}
"""


def shown_camera(scenes: Iterable[Image.Image]) -> str:
    """Return a script that gives the page a camera, in front of which a test brings people."""
    addresses = []
    for scene in scenes:
        packed = io.BytesIO()
        scene.save(packed, "JPEG", quality=95)
        content = base64.b64encode(packed.getvalue()).decode()
        addresses.append(f"data:image/jpeg;base64,{content}")
    return SHOWN_CAMERA.replace("SCENES", json.dumps(addresses))


@pytest.fixture
def opened_with_camera(opened) -> Callable[..., object]:
    """Open the page with a camera and a clock that are the test's."""

    def opened_with_camera(fragment: str = "", *scripts: str, worker: str = "fake", **options):
        colours = ((0, 255, 0), (0, 0, 255), (255, 255, 255))
        people = [Image.new("RGB", (640, 480), colour) for colour in colours]
        camera = shown_camera(scenes() if worker == "real" else people)

        def prepare(page) -> None:
            page.clock.install()
            for script in (camera, *scripts):
                page.add_init_script(script)

        return opened(fragment, prepare=prepare, worker=worker, **options)

    return opened_with_camera


@pytest.fixture(scope="session")
def parity(browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., object]]:
    """Call a part of the page's engine in the browser."""
    bundler = WEB / "node_modules" / ".bin" / "rolldown"
    needed(bundler.exists(), "the page's packages (make web)")
    script = tmp_path_factory.mktemp("parity") / "parity.js"
    command = [bundler, WEB / "parity" / "parity.ts", "--format", "iife", "--file", script]
    # Where the system has no Node, the environment has it.
    paths = os.pathsep.join((os.environ["PATH"], str(Path(sys.executable).parent)))
    subprocess.run(command, env=os.environ | {"PATH": paths}, check=True, capture_output=True)
    page = browser.new_page()
    page.add_script_tag(path=script)

    def call(name: str, *values: object) -> object:
        # Thousands of numbers travel faster as one string.
        asked = "async ([name, text]) => JSON.stringify(await parity[name](...JSON.parse(text)))"
        return json.loads(page.evaluate(asked, [name, json.dumps(values)]))

    yield call
    page.close()


SLOW_CAMERA = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
window.asked = [];
window.live = [];
navigator.mediaDevices.getUserMedia = async (wish) => {
  const exact = wish.video.deviceId?.exact ?? null;
  await new Promise((allow, deny) => asked.push({ allow, deny, exact }));
  const stream = await real(wish);
  live.push(() => stream.getTracks().some((track) => track.readyState === "live"));
  return stream;
};
navigator.mediaDevices.enumerateDevices = async () => [...(await list()), ...(await list())];
"""


@pytest.fixture
def slow_camera(opened):
    """Open the page where a camera, one of two, comes only when `asked[number].allow` is called."""

    def prepare(page) -> None:
        page.clock.install()
        page.add_init_script(SLOW_CAMERA)

    return lambda fragment="": opened(
        fragment, prepare=prepare, worker="fake", permissions=["camera"]
    )
