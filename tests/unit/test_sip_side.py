"""The SIP side of a server alone: it answers once it is open, and leaves carriers when it stops."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from strowger import sip_assembly
from strowger.accounts import accounts
from strowger.base.clock import SystemClock
from strowger.base.ids import SeededIds
from strowger.sip_side import LEAVE_TRUNKS_S, SipSide
from tests.support.exchange import Bench
from tests.support.settings import the_registration, the_settings

LISTEN = """
[listen]
sip = ["udp:127.0.0.1:0"]
"""
OPTIONS = """OPTIONS sip:127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bKo
From: <sip:ann@127.0.0.1>;tag=ann
To: <sip:127.0.0.1>
Call-ID: o
CSeq: 1 OPTIONS
Content-Length: 0

"""

pytestmark = pytest.mark.asyncio


class Client(asyncio.DatagramProtocol):
    """A telephone's socket."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.came.put_nowait(data)


async def a_side(stack: AsyncExitStack, directory: Path, more: str = "") -> tuple[SipSide, Bench, list[str]]:
    settings = the_settings(directory, LISTEN + more)
    side, bench = SipSide(settings, None, SystemClock(), SeededIds()), Bench()
    stack.push_async_callback(side.transports.stop)
    side.know_ways(settings, lambda purpose: purpose.encode().ljust(32))
    stack.callback(side.servers.stop)
    digest = sip_assembly.authenticator(settings, accounts(settings), nonce_key=bytes(32))
    side.join(bench.exchange, the_registration(settings), accounts(settings), digest)
    stack.callback(side.driver.stop)
    return side, bench, await side.listen()


async def test_it_answers_once_it_is_open(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        side, bench, (address,) = await a_side(stack, tmp_path)
        assert bench.exchange.telephony is side.edge.telephony
        transport, host, port = address.split(":")
        assert (transport, host) == ("udp", "127.0.0.1")
        side.open()
        loop = asyncio.get_running_loop()
        socket, client = await loop.create_datagram_endpoint(Client, remote_addr=(host, int(port)))
        stack.callback(socket.close)
        socket.sendto(OPTIONS.replace("\n", "\r\n").encode())
        answer = await asyncio.wait_for(client.came.get(), 5.0)
        assert answer.startswith(b"SIP/2.0 200 OK\r\n")


async def test_without_registrations_of_ours_nobody_is_left(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        side, _, _ = await a_side(stack, tmp_path)
        side.open()
        async with asyncio.timeout(LEAVE_TRUNKS_S / 2):
            await side.leave()


async def test_a_carrier_that_says_nothing_does_not_keep_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strowger.sip_side.LEAVE_TRUNKS_S", 0.01)
    async with AsyncExitStack() as stack:
        silent, _ = await asyncio.get_running_loop().create_datagram_endpoint(Client, local_addr=("127.0.0.1", 0))
        stack.callback(silent.close)
        uri = f"sip:127.0.0.1:{silent.get_extra_info('sockname')[1]}"
        trunk = f'[[trunk]]\nname = "a"\nuri = "{uri}"\nusername = "we"\npassword = "secret"\nregister = "on"\n'
        side, _, _ = await a_side(stack, tmp_path, trunk)
        assert [each.name for each in side.known_trunks] == ["a"]
        side.open()
        await side.leave()
