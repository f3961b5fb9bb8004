"""The 49 messages of RFC 4475, byte for byte, to a running server over UDP, TCP and WebSocket: what becomes of each.

A number is the status of the one answer. HELD: 100 and 180, and the application is told. DROPPED: not a word.
REFUSED: 400, and the connection is closed, because nobody can tell where the next message begins. UNFINISHED: not a
word, because on a stream the rest may still come. TWO: it holds two requests. After each message the server answers
OPTIONS.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio

from tests.e2e.stage import Stage
from tests.e2e.torture import DROPPED, HELD, SOON, House, Outcome, is_answer_to, is_treated
from tests.support.peer import SIP_PORTS, Peer, next_message, own_host
from tests.support.server import HOST, user_id

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

MESSAGES = Path(__file__).resolve().parents[1] / "conformance" / "sip" / "rfc4475"
TRANSPORTS = ("udp", "tcp", "ws")
REFUSED, UNFINISHED, TWO = "refused", "unfinished", "two"


class Row(NamedTuple):
    file: str
    outcome: Outcome
    tcp: Outcome = ""
    """Where a stream differs."""
    instead: Outcome = ""
    """What happens in place of the outcome, on purpose."""
    why: str = ""

    def over(self, transport: str) -> Outcome:
        return (transport == "tcp" and self.tcp) or self.outcome


BODIES = "a proxy passes every body on unread: who is rung judges it, not we"

TABLE = [
    # Valid messages (3.1.1)
    Row("wsinv", HELD, instead=481, why="its To tag names a dialog, and a call in progress must not become a new one"),
    Row("intmeth", 405),
    Row("esc01", HELD),
    Row("escnull", 401),
    Row("esc02", 405),  # RE%47IST%45R is not REGISTER
    Row("lwsdisp", 200),
    Row("longreq", HELD),
    Row("dblreq", 401, tcp=TWO),  # REGISTER; the INVITE behind it is one on a stream only
    Row("semiuri", 200),
    Row("transports", 200),
    Row("mpart01", 405),  # MESSAGE
    Row("unreason", DROPPED),  # an answer to nothing; how it is passed on: test_odd_reasons
    Row("noreason", DROPPED),
    # Invalid messages (3.1.2)
    Row("badinv01", 400),
    Row("clerr", 400, tcp=UNFINISHED),
    Row("ncl", 400, tcp=REFUSED),
    Row("scalar02", 400),
    Row("scalarlg", DROPPED),
    Row("quotbal", 400),
    Row("ltgtruri", 400),
    Row("lwsruri", 400),
    Row("lwsstart", 400),
    Row("trws", 400),
    Row("escruri", 400),
    Row("baddate", HELD),  # nobody here reads Date
    Row("regbadct", 400),
    Row("badaspec", 400),
    Row("baddn", 400, tcp=UNFINISHED),  # the file has no empty line
    Row("badvers", 505),
    Row("mismatch01", 400),
    Row("mismatch02", 400),
    Row("bigcode", DROPPED),
    # Transaction layer (3.2)
    Row("badbranch", 200),
    # Application layer (3.3)
    Row("insuf", 400),
    Row("unkscm", 416),
    Row("novelsc", 416),
    Row("unksm2", 400),
    Row("bext01", 420),
    Row("invut", 415, instead=HELD, why=BODIES),
    Row("regaut01", 401),
    Row("multi01", 400),
    Row("mcl01", 400, tcp=REFUSED),
    Row("bcast", DROPPED),
    Row("zeromf", 483),
    Row("cparam01", 401),  # what is registered: test_contacts
    Row("cparam02", 401),
    Row("regescrt", 401),
    Row("sdp01", 406, instead=HELD, why=BODIES),
    # Backward compatibility (3.4)
    Row("inv2543", HELD, tcp=REFUSED),  # no Content-Length
]
CALLED = {"wsinv": "vivekg", "dblreq": "joe", "esc01": "sips:user@example.com", "inv2543": "UserB"}
"""Whom a call is for, if not for `user`."""
USERS = ("user", "j.user", "watson", *CALLED.values())


def octets(file: str) -> bytes:
    return (MESSAGES / f"{file}.dat").read_bytes()


async def test_the_table_is_complete() -> None:
    assert len(TABLE) == 49
    assert sorted(row.file for row in TABLE) == sorted(path.stem for path in MESSAGES.glob("*.dat"))


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=TRANSPORTS)
async def house(
    request: pytest.FixtureRequest, target: socket.socket, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """A server that knows whomever the messages ask for; for each transport another, as the messages are the same."""
    stage = Stage(tmp_path_factory.mktemp("torture"))
    await stage.application.start()
    try:
        users: dict[str, Sequence[str]] = {"target": [f"sip:target@{HOST}:{target.getsockname()[1]}"]}
        registering = {name: "s3cret" for name in USERS if ":" not in name}
        open_house = {"strangers": "accept"}  # over WebSocket everybody is one
        await stage.serve(users=users | dict.fromkeys(USERS, ()), passwords=registering, sip=open_house)
        # quotbal names port 5050 in its Via.
        yield House(stage, request.param, own_host() if request.param == "udp" else HOST, (*SIP_PORTS, 5050))
    finally:
        await stage.close()


@pytest.fixture(scope="module")
def target() -> Iterator[socket.socket]:
    """The phone of the user `target`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind((HOST, 0))
        phone.setblocking(False)
        yield phone


def cases() -> list[object]:
    """Every row with its outcome; where another one is chosen, that one too, and then the first must fail."""
    result: list[object] = []
    for row in TABLE:
        if row.instead:
            result.append(pytest.param(row, row.instead, id=row.file))
        deviates = pytest.mark.xfail(bool(row.instead), reason=row.why, raises=AssertionError, strict=True)
        result.append(pytest.param(row, "", id=row.file + "-expected" * bool(row.instead), marks=deviates))
    return result


@pytest.mark.parametrize(("row", "instead"), cases())
async def test_what_becomes_of_it(house: House, row: Row, instead: Outcome) -> None:
    outcome = instead or row.over(house.transport)
    data, told = octets(row.file), len(house.stage.application.events)
    peer = await house.peer()
    try:
        await peer.send(data)
        if outcome in (REFUSED, UNFINISHED, TWO):
            await ends(peer, data, {REFUSED: [b"400"], UNFINISHED: [], TWO: [b"401"]}[outcome])
        else:
            await is_treated(house, peer, data, outcome)
    finally:
        await peer.close()
    if outcome not in (HELD, TWO):
        assert len(house.stage.application.events) == told
    elsewhere = await house.peer()
    await house.alive(elsewhere)
    await elsewhere.close()
    if outcome in (HELD, TWO):
        event = await house.stage.application.event(told)
        assert event.to == user_id(CALLED.get(row.file, "user"))


async def test_wsinv_outside_of_a_dialog(house: House) -> None:
    """Without the To tag there is nothing left to object to."""
    data, told = octets("wsinv").replace(b" ;   tag    = 1918181833n", b""), len(house.stage.application.events)
    peer = await house.peer()
    await peer.send(data)
    await is_treated(house, peer, data, HELD)
    await peer.close()
    assert (await house.stage.application.event(told)).to == user_id("vivekg")


@pytest.mark.parametrize(("file", "status"), [("unreason", b"200"), ("noreason", b"183")])
async def test_odd_reasons(house: House, target: socket.socket, file: str, status: bytes) -> None:
    """The answer of whoever is rung reaches the caller with the reason it gave, octet for octet."""
    line = octets(file).partition(b"\r\n")[0].replace(b" 100 ", b" 183 ")  # 100 goes no further than one hop
    invite = octets("baddate").replace(b"baddate.", file.encode()).replace(b"Kkdjuw", b"K" + file.encode())
    peer, told = await house.peer(), len(house.stage.application.events)
    await peer.send(invite)
    await house.stage.redirect(await house.stage.application.event(told), "target")
    rung = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(target, 65_535), SOON)
    target.sendto(answer_to(rung, line), (HOST, house.stage.server.sip_port))
    said = await next_message(peer, lambda message: message.startswith(b"SIP/2.0 " + status), SOON)
    assert said.partition(b"\r\n")[0] == line
    assert is_answer_to(invite, said)
    await house.stage.application.heard(told + 2)  # the second is about who was rung
    await peer.close()


def answer_to(invite: bytes, line: bytes) -> bytes:
    """The first line, and what an answer copies."""
    head = invite.partition(b"\r\n\r\n")[0].split(b"\r\n")
    copied = [each for each in head if each.startswith((b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:"))]
    tagged = [each + b";tag=1" if each.startswith(b"To:") else each for each in copied]
    return b"\r\n".join([line, *tagged, b"Contact: <sip:target@127.0.0.1>", b"Content-Length: 0", b"", b""])


async def ends(peer: Peer, data: bytes, answers: list[bytes]) -> None:
    """The connection is closed: after these answers, or once nothing more can come."""
    if not answers:
        await asyncio.sleep(0.05)  # that nothing comes has no end to wait for
        assert not peer.is_closed.is_set()
        await peer.finish()
    await asyncio.wait_for(peer.is_closed.wait(), SOON)
    said = [peer.inbox.get_nowait() for _ in range(peer.inbox.qsize())]
    assert [message[8:11] for message in said] == answers
    assert all(is_answer_to(data, message) for message in said)
