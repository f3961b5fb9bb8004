"""Names of endpoints, and name servers that do not answer."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from strowger.events.resolver import Resolver

pytestmark = pytest.mark.asyncio

ADDRESSES: dict[str, list[object]] = {
    "four.test": [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))],
    "six.test": [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 443, 0, 0)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 443, 0, 3)),
    ],
}


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A resolver of the system that answers for hosts called slow… once this is set."""
    opened = threading.Event()

    def getaddrinfo(host: str, *_: object, **__: object) -> list[object]:
        if host.startswith("slow"):
            opened.wait()
        if host == "odd.test":
            raise UnicodeError("label too long")
        if host not in ADDRESSES:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [*ADDRESSES[host]]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    yield opened
    opened.set()


async def test_the_addresses_of_a_host(gate: threading.Event) -> None:
    (four,) = await Resolver().resolve("four.test", 443)
    assert (four["hostname"], four["host"], four["port"], four["family"]) == (
        "four.test", "192.0.2.1", 443, socket.AF_INET,
    )  # fmt: skip
    six = await Resolver().resolve("six.test", 443, socket.AF_UNSPEC)
    assert [each["host"] for each in six] == ["2001:db8::1", "fe80::1%3"]


@pytest.mark.parametrize(("host", "why"), [("none.test", "not known"), ("odd.test", "no name of a host: label too")])
async def test_a_name_that_leads_nowhere(gate: threading.Event, host: str, why: str) -> None:
    with pytest.raises(OSError, match=why):
        await Resolver().resolve(host)


async def test_names_that_are_not_answered_hold_up_no_other_and_are_bounded(gate: threading.Event) -> None:
    resolver = Resolver(most_at_once=50)
    slow = [asyncio.create_task(resolver.resolve(f"slow{number}.test")) for number in range(49)]
    await asyncio.sleep(0)
    assert len(await resolver.resolve("four.test")) == 1
    slow.append(asyncio.create_task(resolver.resolve("slow49.test")))
    await asyncio.sleep(0)
    with pytest.raises(OSError, match="50 names are looked up already"):
        await resolver.resolve("four.test")
    slow[0].cancel()
    gate.set()
    came = await asyncio.gather(*slow, return_exceptions=True)
    assert [type(each) for each in came] == [asyncio.CancelledError, *[socket.gaierror] * 49]
    assert len(await resolver.resolve("four.test")) == 1
    await resolver.close()
