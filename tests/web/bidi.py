"""Drives Firefox through its own driver: WebDriver BiDi, which the browser itself speaks."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

STARTED_S = 60
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


class BidiPage:
    """One tab of Firefox, with the calls of Playwright that the tests of the page use."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count()
        self._ask("session.new", capabilities={})
        self._context = self._ask("browsingContext.create", type="tab")["context"]

    def goto(self, address: str) -> None:
        """Open an address, and wait until it is loaded."""
        self._ask("browsingContext.navigate", context=self._context, url=address, wait="complete")

    def add_script(self, text: str) -> None:
        """Run a script in the page."""
        self.evaluate(
            """(textContent) => {
              document.head.append(Object.assign(document.createElement("script"), { textContent }));
            }""",
            text,
        )

    def evaluate(self, script: str, argument: object = None) -> object:
        """Evaluate an expression, or call a function with an argument, and wait for the answer."""
        called = f"""async () => {{
          const found = {script.strip().rstrip(";")};
          const given = {json.dumps(argument)};
          return JSON.stringify((await (typeof found === "function" ? found(given) : found)) ?? null);
        }}"""
        answer = self._ask(
            "script.callFunction",
            functionDeclaration=called,
            awaitPromise=True,
            target={"context": self._context},
            userActivation=True,
        )
        if answer["type"] == "exception":
            raise AssertionError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

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

    def _ask(self, method: str, **parameters: object) -> dict:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=2 * ANSWERED_S))
            if answer.get("id") != number:
                continue  # an event
            if answer["type"] == "error":
                raise AssertionError(f"{method}: {answer['error']}: {answer['message']}")
            return answer["result"]


@contextlib.contextmanager
def firefox_page(program: str, profile: Path) -> Iterator[BidiPage]:
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
            with connect(f"{address}/session", max_size=None, proxy=None) as socket:
                yield BidiPage(socket)
        finally:
            browser.terminate()
