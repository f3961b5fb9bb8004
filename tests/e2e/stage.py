"""One server, one application and any number of phones, wired to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from azure.communication.callautomation import (
    CommunicationIdentifier,
    CommunicationUserIdentifier,
    PhoneNumberIdentifier,
)
from azure.communication.callautomation.aio import CallAutomationClient
from azure.core.exceptions import HttpResponseError

from strowger.phones.behaviours import Behaviour
from strowger.phones.outgoing import OutgoingCall
from strowger.phones.phone import Phone
from tests.support.application import Application, IncomingCall, sdk
from tests.support.baresip import Baresip
from tests.support.capture import Capture
from tests.support.chromium import Chromium
from tests.support.kamailio import Kamailio
from tests.support.server import HOST, NUMBER, OUTSIDE, Server, document, user_id
from tests.support.sipp import Sipp
from tests.support.web_phone import PageServer, WebPhone, key_hash


class Stage:
    """What a test plays on. `close` ends everything that was begun here."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.application = Application()
        self.server: Server
        self.client: CallAutomationClient
        self._servers: list[Server] = []
        self._browser: Chromium | None = None
        self._pages = PageServer()
        self._carriers: list[Kamailio] = []
        self._ending = AsyncExitStack()
        self._ending.push_async_callback(self.application.close)

    @property
    def log(self) -> str:
        """What the pages, the carriers and the server said."""
        consoles = [self._browser.console] if self._browser is not None else []
        return "\n".join([*consoles, *(each.log for each in self._carriers), *(each.log for each in self._servers)])

    async def close(self) -> None:
        await self._ending.aclose()

    async def serve(
        self,
        *,
        users: Mapping[str, Sequence[str]] | None = None,
        trunk: str = "",
        trunks: Mapping[str, str | dict[str, Any]] | None = None,
        routes: Sequence[tuple[str, str, str | list[str]]] | None = None,
        passwords: Mapping[str, str] | None = None,
        keys: bool = True,
        **tables: Any,
    ) -> Server:
        """Start the server. With a `trunk` outside numbers lead there, with `trunks`, which give all rows of each, to
        all of them; `tables` are further settings.
        """
        ways = trunks or ({"trunk": trunk} if trunk else {})
        settings = document(
            endpoint=self.application.url,
            users=users,
            trunks=ways,
            routes=routes if routes is not None else to_outside(*ways),
            passwords=passwords,
            keys=keys,
            **tables,
        )
        self.server = Server(self.directory, settings)
        self._servers.append(self.server)
        self._ending.callback(self.server.close)
        await self.server.start()
        self.client = await self._ending.enter_async_context(sdk(self.server.connection_string, self.server.authority))
        return self.server

    async def phone(
        self, user: str, behaviour: Behaviour | None = None, transport: str = "udp", host: str = "127.0.0.1"
    ) -> Phone:
        """A phone on a port of its own."""
        phone = await Phone.open(f"{transport}:{host}:0", user=user, behaviour=behaviour)
        self._ending.push_async_callback(phone.close)
        return phone

    async def baresip(self, user: str, password: str, transport: str = "udp") -> Baresip:
        """A real phone, registered."""
        port = self.server.tls_port if transport == "tls" else self.server.sip_port
        phone = Baresip(user, password, self.directory, proxy_port=port, transport=transport)
        self._ending.push_async_callback(phone.close)
        await phone.start()
        await phone.registered()
        return phone

    async def web_phone(self, user: str, password: str, way: str, *, token: str = "") -> WebPhone:
        """A telephone in a browser, registered over `console`, `ws` or `wss`, by its token if it has one."""
        phone = await self.new_web_phone(user, password, way, token=token)
        await phone.event("registered")
        return phone

    async def new_web_phone(self, user: str, password: str, way: str, *, token: str = "") -> WebPhone:
        """The same, as soon as it tries to register."""
        server = self.server
        where = {
            "console": f"ws://{HOST}:{server.console_port}/sip",
            "ws": f"ws://{HOST}:{server.ws_port}",
            "wss": f"wss://{HOST}:{server.wss_port}",
        }
        browser = self._browser or await self._open_browser()
        phone = WebPhone(user, await browser.page(self._pages.url))
        await phone.start(password, where[way], token)
        return phone

    async def _open_browser(self) -> Chromium:
        await self._pages.start()
        self._ending.push_async_callback(self._pages.close)
        keys = key_hash(self.server.authority.with_name("server.pem"))
        self._browser = Chromium(self.directory, trusted_keys=keys)
        self._ending.push_async_callback(self._browser.close)
        await self._browser.start()
        return self._browser

    async def sipp(self, scenario: str, **options: Any) -> Sipp:
        """A run of SIPp, started."""
        run = Sipp(scenario, self.directory, **options)
        self._ending.callback(run.close)
        await run.start()
        return run

    async def kamailio(self, *, is_up: bool = True, **options: Any) -> Kamailio:
        """A carrier, started unless it is not to be up."""
        carrier = Kamailio(self.directory, **options)
        self._carriers.append(carrier)
        self._ending.callback(carrier.stop)
        if is_up:
            await carrier.start()
        return carrier

    async def capture(self, peer: Kamailio) -> Capture:
        """A carrier's wire: its `uri` stands for the carrier's."""
        capture = await Capture.open(peer.host, peer.port)
        self._ending.callback(capture.close)
        return capture

    async def caller(self) -> Phone:
        """A phone of somebody outside."""
        return await self.phone("+31687654321")

    def call(self, caller: Phone, dialled: str = NUMBER) -> OutgoingCall:
        """`caller` calls a number or user at the server."""
        return caller.call(f"sip:{dialled}@127.0.0.1:{self.server.sip_port}", proxy=self.server.sip_address)

    async def redirect(self, event: IncomingCall | str, target: CommunicationIdentifier | str = OUTSIDE) -> None:
        """Redirect by the SDK: to a number, to a user by name, or to any identifier."""
        context = event if isinstance(event, str) else event.context
        await self.client.redirect_call(context, identifier(target) if isinstance(target, str) else target)

    async def redirect_to_nobody(self) -> str:
        """Ask for what cannot be done; the code of the refusal."""
        with pytest.raises(HttpResponseError) as refused:
            await self.redirect("no context at all")
        return code(refused.value)


def to_outside(*trunks: str) -> list[tuple[str, str, str | list[str]]]:
    """The routes by which outside numbers lead to these trunks."""
    return [("phoneNumber", "+316*", trunks[0] if len(trunks) == 1 else list(trunks))] if trunks else []


def code(error: HttpResponseError) -> str:
    """The code of ACS in an error of the SDK."""
    assert error.error is not None
    return str(error.error.code)


def identifier(target: str) -> CommunicationIdentifier:
    """A number, or the name of a user."""
    return PhoneNumberIdentifier(target) if target.startswith("+") else CommunicationUserIdentifier(user_id(target))
