"""Carriers and the phones behind them, as the tests of trunks want them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from strowger.cli.admin import Admin, token_in
from strowger.console.secret_file import ADMIN_TOKEN
from strowger.console.views import CallView, WhyView
from strowger.phones.behaviours import Answer, Behaviour
from strowger.phones.outgoing import OutgoingCall
from strowger.phones.phone import Phone
from strowger.sip.message.message import Request
from tests.e2e.stage import Stage
from tests.support.capture import Capture
from tests.support.kamailio import Account, Kamailio
from tests.support.server import HOST, NUMBER, OUTSIDE, Server

SOON = 5.0
ACCOUNT = Account("strowger", "s3cret", "carrier.example")
HOSTS = {"a": "127.0.0.21", "b": "127.0.0.22"}


def login(account: Account = ACCOUNT) -> dict[str, str]:
    """The rows of a trunk that has this account."""
    return account._asdict()


@dataclass(frozen=True, slots=True)
class Carrier:
    """One carrier, the phone that its numbers lead to, and the wire between it and us."""

    kamailio: Kamailio
    phone: Phone
    capture: Capture

    def rows(self, **more: Any) -> dict[str, Any]:
        """The settings of a trunk to it."""
        return {"uri": self.capture.uri, **more}

    @property
    def invites(self) -> list[Request]:
        """The INVITEs that it was sent, each once."""
        found: dict[str, Request] = {}
        for invite in self.capture.requests("INVITE"):
            found.setdefault(invite.top_via.branch or "", invite)
        return list(found.values())


async def carrier(stage: Stage, name: str = "a", behaviour: Behaviour | None = None, **options: Any) -> Carrier:
    """One that rings a phone with this behaviour, unless the options say otherwise."""
    phone = await stage.phone(f"behind-{name}", behaviour or Answer())
    kamailio = await stage.kamailio(host=HOSTS[name], phone=phone.address.removeprefix("udp:"), **options)
    return Carrier(kamailio, phone, await stage.capture(kamailio))


async def redirected(
    stage: Stage, headers: Iterable[tuple[str, str]] = (), *, caller: Phone | None = None, target: str = OUTSIDE
) -> OutgoingCall:
    """A call to our number, redirected to an outside one."""
    number = len(stage.application.events)
    caller = caller or await stage.caller()
    proxy = stage.server.sip_address
    call = caller.call(f"sip:{NUMBER}@{HOST}:{stage.server.sip_port}", proxy=proxy, headers=headers)
    await stage.redirect(await stage.application.event(number), target)
    return call


def admin(server: Server) -> Admin:
    """The admin API of a server."""
    return Admin(f"http://{HOST}:{server.console_port}", token_in(server.directory / "data" / ADMIN_TOKEN))


async def newest(stage: Stage) -> CallView:
    """The newest call, as an operator is shown it."""
    async with admin(stage.server) as asked:
        return (await asked.calls(1))[0]


async def why(stage: Stage) -> WhyView:
    """The newest call in sentences."""
    async with admin(stage.server) as asked:
        return await asked.why((await asked.calls(1))[0].id)


async def states(stage: Stage) -> dict[str, str]:
    """How each trunk is."""
    async with admin(stage.server) as asked:
        return {each.name: each.state for each in (await asked.trunks()).trunks}
