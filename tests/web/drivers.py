"""Drives browsers other than Chromium through their own drivers.

Firefox speaks WebDriver BiDi itself; WebKitGTK has WebKitWebDriver, which speaks classic WebDriver.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import httpx2
from websockets.sync.client import ClientConnection, connect

ANSWERED_S = 60
PREFERENCES = {
    # Neither updates nor any other service of the browser's maker is asked for anything.
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.region.network.url": "",
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.getAddons.cache.enabled": False,
    "extensions.systemAddon.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": "data:,",
    "toolkit.telemetry.enabled": False,
    # A camera of moving colours, without asking.
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
}


class DrivenPage(ABC):
    """One tab of a browser, with what the tests of the page do there."""

    has_camera: bool
    """Whether the browser has a camera of its own for tests."""

    @abstractmethod
    def goto(self, address: str) -> None:
        """Open an address, and wait until it is loaded."""

    @abstractmethod
    def _called(self, function: str) -> str:
        """Call an asynchronous function without arguments and return the text that it gives."""

    def evaluate(self, script: str, argument: object = None) -> object:
        """Evaluate an expression, or call a function with an argument, and wait for the answer."""
        answer = self._called(
            f"""async () => {{
              const found = {script.strip().rstrip(";")};
              const given = {json.dumps(argument)};
              const value = await (typeof found === "function" ? found(given) : found);
              return JSON.stringify(value ?? null);
            }}"""
        )
        return json.loads(answer)

    def add_script(self, text: str) -> None:
        """Run a script in the page."""
        self.evaluate(
            """(textContent) => {
              const script = Object.assign(document.createElement("script"), { textContent });
              document.head.append(script);
            }""",
            text,
        )

    def wait_for(self, expression: str) -> None:
        """Wait until an expression is true."""
        found = self.evaluate(
            f"""new Promise((done) => {{
              const look = () => {{
                if ({expression}) done(true);
                else if (performance.now() > end) done(false);
                else setTimeout(look, 30);
              }};
              const end = performance.now() + {1000 * ANSWERED_S};
              look();
            }})"""
        )
        if not found:
            raise TimeoutError(f"{expression}; the page shows: {self.shown()}")

    def shown(self) -> str:
        """Return the text that the page shows."""
        return str(self.evaluate("document.body.innerText"))

    def click(self, button: str) -> None:
        """Press the button or link of a name when it is there."""
        button_of = (
            "[...document.querySelectorAll('button, a')].find((each) =>"
            f" each.textContent.trim() === {json.dumps(button)} && !each.disabled)"
        )
        self.wait_for(f"{button_of} !== undefined")
        self.evaluate(f"{button_of}.click()")


class BidiPage(DrivenPage):
    """A tab of a browser that speaks WebDriver BiDi."""

    has_camera = True

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self._numbers = itertools.count()
        self._ask("session.new", capabilities={})
        self._context = self._ask("browsingContext.create", type="tab")["context"]

    def goto(self, address: str) -> None:
        self._ask("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def _called(self, function: str) -> str:
        answer = self._ask(
            "script.callFunction",
            functionDeclaration=function,
            awaitPromise=True,
            target={"context": self._context},
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise AssertionError(answer["exceptionDetails"]["text"])
        return str(answer["result"]["value"])

    def _ask(self, method: str, **parameters: object) -> dict:
        number = next(self._numbers)
        self._line.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._line.recv(timeout=2 * ANSWERED_S))
            if answer.get("id") != number:
                continue  # an event
            if answer["type"] == "error":
                raise AssertionError(f"{method}: {answer['error']}: {answer['message']}")
            return answer["result"]


class WebDriverPage(DrivenPage):
    """A tab of a browser behind a driver that speaks classic WebDriver.

    Args:
        driver: The driver's address.
        capabilities: What the browser has to be.
    """

    has_camera = False

    def __init__(self, driver: str, capabilities: dict[str, object]) -> None:
        self._session = f"{driver}/session"
        asked = {"capabilities": {"alwaysMatch": capabilities}}
        self._session += "/" + self._ask("POST", "", asked)["sessionId"]
        self._ask("POST", "/timeouts", {"script": 2000 * ANSWERED_S})

    def goto(self, address: str) -> None:
        self._ask("POST", "/url", {"url": address})

    def close(self) -> None:
        """End the session, and the browser with it."""
        self._ask("DELETE", "")

    def _called(self, function: str) -> str:
        script = f"""const [done] = arguments;
          ({function})().then((text) => done(["", text]), (error) => done([String(error), ""]));"""
        fault, text = self._ask("POST", "/execute/async", {"script": script, "args": []})
        if fault:
            raise AssertionError(fault)
        return str(text)

    def _ask(self, method: str, place: str, asked: object = None) -> dict:
        answer = httpx2.request(
            method, self._session + place, json=asked, timeout=2 * ANSWERED_S, trust_env=False
        )
        found = answer.json()["value"]
        if answer.is_error:
            raise AssertionError(f"{place}: {found['error']}: {found['message']}")
        return found


@contextlib.contextmanager
def firefox_page(program: str, profile: Path) -> Iterator[DrivenPage]:
    """Start Firefox with a new profile, and open a tab.

    Args:
        program: The path of the browser.
        profile: An empty folder for it.
    """
    lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    command = [program, "--headless", "--no-remote", "--remote-debugging-port", "0"]
    with subprocess.Popen(
        [*command, "--profile", str(profile)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as browser:
        try:
            said = itertools.takewhile(bool, iter(browser.stderr.readline, ""))
            found = (re.search(r"WebDriver BiDi listening on (ws://\S+)", line) for line in said)
            address = next(match[1] for match in found if match is not None)
            with connect(f"{address}/session", max_size=None, proxy=None) as line:
                yield BidiPage(line)
        finally:
            browser.terminate()


@contextlib.contextmanager
def webkit_page(driver: str, browser: str, screen: str) -> Iterator[DrivenPage]:
    """Start WebKitGTK's small browser on a screen of its own, and open a tab.

    Args:
        driver: The path of WebKitWebDriver.
        browser: The path of MiniBrowser.
        screen: The path of Xvfb.
    """
    with contextlib.ExitStack() as programs:

        def started(*command: str, **options: object) -> subprocess.Popen:
            program = programs.enter_context(
                subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
            )
            programs.callback(program.terminate)
            return program

        shown = started(
            *(screen, "-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"),
            stdout=subprocess.PIPE,
            text=True,
        )
        display = f":{shown.stdout.readline().strip()}"
        port = _free_port()
        started(driver, f"--port={port}", env=os.environ | {"DISPLAY": display})
        _wait_for(port)
        options = {"binary": browser, "args": ["--automation"]}
        page = WebDriverPage(f"http://127.0.0.1:{port}", {"webkitgtk:browserOptions": options})
        programs.callback(page.close)
        yield page


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _wait_for(port: int) -> None:
    """Wait until somebody listens at a port of this machine."""
    for _ in range(100 * ANSWERED_S):
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=ANSWERED_S).close()
            return
        time.sleep(0.01)
    raise TimeoutError(f"nobody listens at port {port}")
