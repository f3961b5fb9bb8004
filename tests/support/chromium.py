"""Chromium without a window, driven by its DevTools protocol over one WebSocket."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.server import until

PROGRAM = shutil.which("chromium") or "/usr/bin/chromium"
START_S = 20.0
ANSWER_S = 15.0
LOG_SHOWN = 4_000

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--allow-loopback-in-peer-connection"),
    *("--disable-features=WebRtcHideLocalIpsWithMdns", "--remote-debugging-port=0"),
)
"""Nothing is asked of anybody outside, the microphone is a beep, and calls stay on this machine."""


class Chromium:
    """One browser with an empty profile."""

    def __init__(self, directory: Path, *, trusted_keys: str = "") -> None:
        """`trusted_keys`: the hashes of public keys whose certificates are believed whoever issued them."""
        self._profile = directory / "chromium"
        self._log = directory / "chromium.log"
        self._flags = [*FLAGS, f"--user-data-dir={self._profile}"]
        if trusted_keys:
            self._flags.append(f"--ignore-certificate-errors-spki-list={trusted_keys}")
        self._process: subprocess.Popen[bytes] | None = None
        self._client = aiohttp.ClientSession()
        self._socket: aiohttp.ClientWebSocketResponse
        self._reading: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.pages: dict[str, Page] = {}

    async def start(self) -> None:
        """Start it, and connect to it."""
        self._process = self._spawn()
        await until(self._is_listening, START_S, lambda: f"Chromium is up:\n{self._log.read_text('utf-8', 'replace')}")
        port, path = self._port_file.read_text("ascii").split()
        self._socket = await self._client.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0)
        self._reading = asyncio.create_task(self._read())

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [PROGRAM, *self._flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    @property
    def _port_file(self) -> Path:
        return self._profile / "DevToolsActivePort"

    def _is_listening(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "Chromium ended by itself"
        return self._port_file.exists() and self._port_file.read_text("ascii").count("\n") == 1

    async def close(self) -> None:
        """Leave nothing behind."""
        if self._reading is not None:
            self._reading.cancel()
        await self._client.close()
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def console(self) -> str:
        """What the scripts of all pages said."""
        return "\n".join(line for page in self.pages.values() for line in page.console)

    async def page(self, url: str) -> Page:
        """Another page."""
        target = await self.ask("Target.createTarget", {"url": "about:blank"})
        attached = await self.ask("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        page = self.pages[attached["sessionId"]] = Page(self, attached["sessionId"])
        await page.open(url)
        return page

    async def ask(self, method: str, parameters: dict[str, Any], session: str = "") -> dict[str, Any]:
        """The answer to one command of the protocol."""
        number = len(self._answers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters}
        await self._socket.send_str(json.dumps(message | ({"sessionId": session} if session else {})))
        answered = await asyncio.wait_for(answer, ANSWER_S)
        assert "result" in answered, f"{method}: {answered}"
        return answered["result"]

    async def _read(self) -> None:
        async for frame in self._socket:
            told = json.loads(frame.data)
            if "id" in told:
                if not self._answers[told["id"]].done():
                    self._answers[told["id"]].set_result(told)
            elif told.get("sessionId") in self.pages:
                self.pages[told["sessionId"]].note(told["method"], told["params"])


class Page:
    """One page. `console` is what its scripts said and where they failed."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self.console: list[str] = []
        self._browser = browser
        self._session = session
        self._loaded = asyncio.Event()

    async def open(self, url: str) -> None:
        """Load it."""
        for domain in ("Page", "Runtime", "Log"):
            await self._ask(f"{domain}.enable", {})
        await self._ask("Page.navigate", {"url": url})
        await asyncio.wait_for(self._loaded.wait(), ANSWER_S)

    async def run(self, script: str) -> Any:
        """The value of an expression, or of its promise."""
        try:
            told = await self._ask(
                "Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True}
            )
        except TimeoutError:
            raise AssertionError(f"{script} takes more than {ANSWER_S} s\n{self._end_of_console}") from None
        assert "exceptionDetails" not in told, f"{script}: {told['exceptionDetails']}\n{self._end_of_console}"
        return told["result"].get("value")

    async def screenshot(self) -> bytes:
        """A PNG, for the eyes of who looks for an error."""
        await self._ask("Page.bringToFront", {})  # a page behind another is never painted
        return base64.b64decode((await self._ask("Page.captureScreenshot", {}))["data"])

    def note(self, method: str, parameters: dict[str, Any]) -> None:
        """Something happened on the page."""
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Runtime.consoleAPICalled":
            words = [str(each.get("value", each["type"])) for each in parameters["args"]]
            self.console.append(" ".join(each for each in words if not each.startswith("color: ")).replace("%c", ""))
        elif method == "Runtime.exceptionThrown":
            self.console.append(str(parameters["exceptionDetails"].get("exception", parameters)))
        elif method == "Log.entryAdded":
            self.console.append(parameters["entry"]["text"])

    @property
    def _end_of_console(self) -> str:
        return "\n".join(self.console)[-LOG_SHOWN:]

    async def _ask(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return await self._browser.ask(method, parameters, self._session)
