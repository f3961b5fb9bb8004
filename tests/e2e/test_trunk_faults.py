"""What goes wrong at a trunk, played by SIPp: it asks who calls, is out of service, says nothing, fails too late.

Every caller dials the same number, and the application redirects it to the outside number whose route the play is
about.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from tests.e2e.stage import Stage
from tests.support.application import IncomingCall
from tests.support.server import HOST, NUMBER, OUTSIDE, free_ports
from tests.support.sipp import Sipp, together

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

LONGEST_S = 10.0
BY_HAND = ("-nr",)
TRUNKS: dict[str, dict[str, Any]] = {
    "asks": {"username": "us", "password": "s3cret"},
    "asks-itself": {"username": "us", "password": "s3cret"},
    "down": {"priority": 1},
    "up": {"priority": 2},
    "fails-late": {"priority": 1},
    "never": {"priority": 2},
    "mute": {"priority": 1, "patience": "300ms"},
    "speaks": {"priority": 2},
    "told": {"forwarded_as": ["history-info", "diversion"]},
}
ROUTES: list[tuple[str, list[str]]] = [
    ("+31620000001", ["asks"]),
    ("+31620000002", ["asks-itself"]),
    ("+31620000003", ["down", "up"]),
    ("+31620000004", ["fails-late", "never"]),
    ("+31620000005", ["mute", "speaks"]),
    (OUTSIDE, ["told"]),
]


class House(NamedTuple):
    stage: Stage
    ports: dict[str, int]
    """Where each trunk is."""

    async def trunk(self, name: str, scenario: str) -> Sipp:
        return await self.stage.sipp(scenario, port=self.ports[name], options=BY_HAND if "challeng" in scenario else ())

    async def call(self, outside: str, scenario: str = "calling") -> Sipp:
        """A call to our number, redirected to that one."""

        async def decide(event: IncomingCall) -> None:
            await self.stage.redirect(event, outside)

        self.stage.application.on_call = decide
        (port,) = free_ports(1)
        keys = {"dialled": NUMBER}
        return await self.stage.sipp(
            scenario, port=port, remote=self.stage.server.sip_port, keys=keys, options=BY_HAND
        )

    @contextmanager
    def left_alone(self, name: str) -> Iterator[None]:
        """Nobody says a word to that trunk meanwhile."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trunk:
            trunk.bind((HOST, self.ports[name]))
            trunk.setblocking(False)
            yield
            with pytest.raises(BlockingIOError):
                trunk.recv(65_535)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    stage = Stage(tmp_path_factory.mktemp("trunks"))
    await stage.application.start()
    try:
        ports = dict(zip(TRUNKS, free_ports(len(TRUNKS)), strict=True))
        trunks = {name: {"uri": f"sip:{HOST}:{ports[name]}", "options": "off", **rows} for name, rows in TRUNKS.items()}
        routes = [("phoneNumber", match, to) for match, to in ROUTES]
        await stage.serve(trunks=trunks, routes=routes, sip={"t1": "50ms"})
        yield House(stage, ports)
        assert stage.application.failures == []
        assert "Traceback" not in stage.server.log
    finally:
        await stage.close()


@pytest.mark.parametrize(
    ("outside", "name", "scenario"),
    [("+31620000001", "asks", "challenging"), ("+31620000002", "asks-itself", "challenging_itself")],
)
async def test_a_trunk_that_asks_who_calls_is_told(house: House, outside: str, name: str, scenario: str) -> None:
    trunk = await house.trunk(name, scenario)
    await together(await house.call(outside), trunk, timeout_s=LONGEST_S)


async def test_a_trunk_out_of_service_is_passed_over_and_left_alone(house: House) -> None:
    trunks = [await house.trunk("down", "out_of_service"), await house.trunk("up", "answering")]
    await together(await house.call("+31620000003"), *trunks, timeout_s=LONGEST_S)
    with house.left_alone("down"):  # for the time it named
        trunk = await house.trunk("up", "answering")
        await together(await house.call("+31620000003"), trunk, timeout_s=LONGEST_S)


async def test_a_trunk_that_rang_is_not_replaced(house: House) -> None:
    trunk = await house.trunk("fails-late", "rings_and_fails")
    with house.left_alone("never"):
        await together(await house.call("+31620000004", "hears_500"), trunk, timeout_s=LONGEST_S)


async def test_a_trunk_that_says_nothing_is_replaced(house: House) -> None:
    trunks = [await house.trunk("mute", "mute"), await house.trunk("speaks", "answering")]
    await together(await house.call("+31620000005"), *trunks, timeout_s=LONGEST_S)


async def test_a_trunk_is_told_by_whom_and_why_a_call_was_forwarded(house: House) -> None:
    trunk = await house.trunk("told", "told_of_forwarding")
    await together(await house.call(OUTSIDE), trunk, timeout_s=LONGEST_S)
