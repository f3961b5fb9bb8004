"""The 12 messages of RFC 5118 to a running server, over IPv6: what becomes of each.

As in the conformance test each has the Content-Length of its body. Over UDP rport is added, because ::1 is the only
loopback address of IPv6 and its well-known ports may be taken.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.conformance.sip.test_rfc5118 import TABLE, measured, octets
from tests.e2e.stage import Stage
from tests.e2e.torture import HELD, House, Outcome, is_treated
from tests.support.server import user_id

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

OUTCOMES: list[tuple[str, Outcome]] = [
    ("ipv6-good", 401),
    ("ipv6-bad", 400),
    ("port-ambiguous", 401),
    ("port-unambiguous", 401),
    ("via-received-param-with-delim", 481),
    ("via-received-param-no-delim", 200),
    ("ipv6-in-sdp", HELD),
    ("mult-ip-in-header", 481),
    ("mult-ip-in-sdp", HELD),
    ("ipv4-mapped-ipv6", HELD),
    ("ipv6-bug-abnf-3-colons", 400),
    ("ipv6-correct-abnf-2-colons", 200),
]


async def test_the_table_is_complete() -> None:
    assert [file for file, _ in OUTCOMES] == [row.file for row in TABLE]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["udp", "tcp", "ws"])
async def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A server that knows the user of the messages; for each transport another, as the messages are the same."""
    stage = Stage(tmp_path_factory.mktemp("torture"))
    await stage.application.start()
    try:
        open_house = {"strangers": "accept"}  # over WebSocket everybody is one
        await stage.serve(users={"user": []}, passwords={"user": "s3cret"}, sip=open_house)
        yield House(stage, request.param, "::1", (0,))
    finally:
        await stage.close()


@pytest.mark.parametrize(("file", "outcome"), OUTCOMES, ids=[file for file, _ in OUTCOMES])
async def test_what_becomes_of_it(house: House, file: str, outcome: Outcome) -> None:
    data, told = measured(octets(file)), len(house.stage.application.events)
    if house.transport == "udp":
        data = data.replace(b";branch", b";rport;branch", 1)
    peer = await house.peer()
    await peer.send(data)
    await is_treated(house, peer, data, outcome)
    await peer.close()
    if outcome == HELD:
        assert (await house.stage.application.event(told)).to == user_id("user")
    assert len(house.stage.application.events) == told + (outcome == HELD)
