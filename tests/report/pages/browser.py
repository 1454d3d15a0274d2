"""Chromium without a window, driven through chromedriver's own HTTP interface: no library is needed for it."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # a page that reaches for the network gets an error in its console
)


def why_no_browser() -> str:
    """Why pages cannot be looked at on this machine; empty if they can."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"not on this machine: {', '.join(missing)} (Debian: chromium, chromium-driver)" if missing else ""


class Browser:
    """One tab.

    Args:
        address: Of chromedriver.
        profile: A fresh folder for Chromium's profile.
    """

    def __init__(self, address: str, profile: Path) -> None:
        self._address = address
        options = {"args": [*_FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._session = "/session"
        answer = self._post("", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{answer['sessionId']}"

    def open(self, page: Path, width: int, *, dark: bool = False) -> None:
        """Opens a page from disk at a width in pixels."""
        self.console()  # what earlier pages wrote is not of this one
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self._devtools("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._devtools("Emulation.setEmulatedMedia", {"features": [scheme]})
        self._post("/url", {"url": page.resolve().as_uri()})

    def ask(self, script: str) -> Any:
        """What a piece of JavaScript returns."""
        return self._post("/execute/sync", {"script": script, "args": []})

    def console(self) -> list[str]:
        """What the page has written to the console since it was last asked, errors of loading included."""
        return [entry["message"] for entry in self._post("/se/log", {"type": "browser"})]

    def screenshot(self, path: Path, *, height: int | None = None, top: int = 0) -> None:
        """The page as a picture: all of it, or `height` pixels from `top`."""
        size = self.ask("return [innerWidth, document.documentElement.scrollHeight]")
        clip = {"x": 0, "y": top, "width": size[0], "height": height or size[1] - top, "scale": 1}
        shot = self._devtools("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self) -> None:
        """Ends Chromium."""
        request = urllib.request.Request(self._address + self._session, method="DELETE")
        urllib.request.urlopen(request, timeout=30).close()

    def _devtools(self, command: str, params: dict[str, Any]) -> Any:
        return self._post("/goog/cdp/execute", {"cmd": command, "params": params})

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            self._address + self._session + path,
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with its profile in `folder`; ended afterwards, whatever happens."""
    port = _free_port()
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        found = Browser(f"http://127.0.0.1:{port}", folder / "profile")
        try:
            yield found
        finally:
            found.close()
    finally:
        driver.terminate()
        driver.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    """Waits until chromedriver listens."""
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("chromedriver does not start")
