"""JsSIP in Chromium: telephones on pages of their own, served from this machine."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.support.chromium import Page
from tests.support.server import HOST

FILES = Path(__file__).resolve().parents[1] / "browser"
SERVED: Final[Mapping[str, Path]] = {
    "/": FILES / "phone.html",
    "/phone.js": FILES / "phone.js",
    "/jssip.js": FILES / "node_modules/.bundle/jssip.js",
}


class WebPhone:
    """One telephone of one user."""

    def __init__(self, user: str, page: Page) -> None:
        self.user = user
        self.page = page

    async def start(self, password: str, server: str, token: str = "") -> None:
        """Connect to this WebSocket, and begin to register, with the token if there is one."""
        arguments = ", ".join(map(json.dumps, (server, f"sip:{self.user}@{HOST}", password, token)))
        await self.page.run(f"phone.start({arguments})")

    async def event(self, name: str, place: int = 0) -> str:
        """What is told with an event of this name, by its place among them, when it is there."""
        return str(await self.page.run(f"phone.event({json.dumps(name)}, {place})"))

    async def events(self) -> list[str]:
        """The names of all events so far."""
        return list(await self.page.run("phone.events.map(({ name }) => name)"))

    async def call(self, number: str) -> None:
        """Call a number or a user."""
        await self.page.run(f"phone.call({json.dumps(f'sip:{number}@{HOST}')})")

    async def answer(self) -> None:
        """Answer the call that rings."""
        await self.page.run("phone.answer()")

    async def hang_up(self) -> None:
        """End the call."""
        await self.page.run("phone.hangUp()")

    async def hears(self) -> None:
        """Wait until sound has come in."""
        await self.page.run("phone.hears()")


class PageServer:
    """Serves the page to browsers on this machine, where it counts as secure."""

    def __init__(self) -> None:
        self.url = ""
        application = web.Application()
        for path in SERVED:
            application.router.add_get(path, self._serve)
        self._runner = web.AppRunner(application)

    async def start(self) -> None:
        missing = [str(file) for file in SERVED.values() if not file.exists()]
        assert not missing, f"{missing} is made by `make e2e`"
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self.url = f"http://{HOST}:{self._runner.addresses[0][1]}/"

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        return web.FileResponse(SERVED[request.path])


def key_hash(certificate: Path) -> str:
    """What Chromium calls the SPKI of a certificate."""
    key = x509.load_pem_x509_certificate(certificate.read_bytes()).public_key()
    encoded = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(encoded)
    return base64.b64encode(digest.finalize()).decode()
