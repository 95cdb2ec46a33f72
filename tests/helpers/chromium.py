"""A headless Chromium driven over a pipe (DevTools protocol): what a page shows, and what it asks for."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_WORDS = (
    "--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
    "--disable-component-update", "--disable-background-networking", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One tab. Requests that leave the machine, and lines of the console, are kept as they come."""

    def __init__(self, read: int, write: int):
        self._read, self._write = read, write
        self._waiting = b""
        self._numbers = itertools.count(1)
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.downloads: dict[str, str] = {}  # guid -> state
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    _session: str | None = None

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol and its answer."""
        message: dict[str, Any] = {"id": next(self._numbers), "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message(60)
            if answer.get("id") == message["id"]:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _message(self, seconds: float) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while b"\0" not in self._waiting:
            ready, _, _ = select.select([self._read], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError(f"Chromium said nothing for {seconds} s")
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise RuntimeError("Chromium ended")
            self._waiting += piece
        text, _, self._waiting = self._waiting.partition(b"\0")
        message = json.loads(text)
        self._note(message.get("method"), message.get("params", {}))
        return message

    def _note(self, event: str | None, params: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(str(details.get("exception", {}).get("description") or details["text"]))
        elif event == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.errors.append(params["entry"]["text"])
        elif event == "Browser.downloadProgress":
            self.downloads[params["guid"]] = params["state"]

    def open(self, url: str, width: int = 1000, height: int = 700) -> None:
        """Open an address in a window of that size."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        self.call("Page.navigate", url=url)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"]["exception"]["description"])
        return found["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 60) -> Any:
        """The first value of an expression that is true in JavaScript's sense."""
        until = time.monotonic() + seconds
        while True:
            found = self.value("(() => { try { return " + expression + "; } catch { return null; } })()")
            if found:
                return found
            assert time.monotonic() < until, f"waited in vain for {expression}; errors: {self.errors}"
            time.sleep(0.1)

    def press(self, key: str, code: int = 0) -> None:
        """Press and release a key, e.g. Tab (9) or `+`."""
        words = {"key": key, "windowsVirtualKeyCode": code or ord(key[0].upper())}
        if len(key) == 1:
            words["text"] = key
        self.call("Input.dispatchKeyEvent", type="keyDown", **words)
        self.call("Input.dispatchKeyEvent", type="keyUp", **words)

    def mouse(self, kind: str, x: float, y: float, held: bool = False) -> None:
        """mousePressed, mouseMoved or mouseReleased at pixels of the window."""
        pressed = kind != "mouseMoved"
        words = {
            "button": "left" if pressed or held else "none",
            "buttons": int(held),
            "clickCount": int(pressed),
        }
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **words)

    def screenshot(self) -> bytes:
        """PNG of what is seen."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def save_downloads(self, folder: Path) -> None:
        """Let the page save files into a folder."""
        self.call(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), eventsEnabled=True
        )


@contextmanager
def chromium(profile: Path) -> Iterator[Browser]:
    """A browser with a profile of its own; skips the test where there is none, or where it does not start."""
    name = next((found for found in map(shutil.which, _NAMES) if found), None)
    if name is None:
        pytest.skip("no Chromium on the PATH: the page is not opened")
    to_browser, ours_out = os.pipe()
    ours_in, from_browser = os.pipe()
    # The protocol is spoken on descriptors 3 and 4; the shell puts ours there
    line = f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}'
    with (profile / "chromium.log").open("w") as log:
        process = subprocess.Popen(
            ["bash", "-c", line, name, *_WORDS, f"--user-data-dir={profile / 'profile'}"],
            pass_fds=(to_browser, from_browser), stdout=log, stderr=log,
        )  # fmt: skip
    os.close(to_browser)
    os.close(from_browser)
    try:
        try:
            browser = Browser(ours_in, ours_out)
        except (RuntimeError, TimeoutError, BrokenPipeError) as error:
            pytest.skip(f"Chromium does not start here: {error}")
        yield browser
    finally:
        process.terminate()
        process.wait(timeout=20)
        os.close(ours_in)
        os.close(ours_out)
