"""Who may call a real server: what strangers get back, counted in packets and bytes; callers who prove who they are."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from strowger.sip.message.message import Response
from tests.e2e.stage import Stage
from tests.e2e.wire import Wire
from tests.support.digest import credentials
from tests.support.server import HOST, NUMBER, user_id

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

WATCHED_S = 1.2
"""Twice T1 and more: whatever is retransmitted comes again within."""
TRIES = 5
NOBODY_IS_TRUSTED: dict[str, Any] = {"trusted": []}
PATIENT = {"calls_per_source": 1_000, "messages_per_source": 1_000}
"""The rate of one source is not what is tested here."""

ANSWERED = {
    "INVITE": "407",
    "INVITE of nobody": "407",
    "INVITE with guessed credentials": "407",
    "re-INVITE": "481",
    "OPTIONS": "200",
    "REGISTER": "401",
    "BYE": "481",
    "CANCEL": "481",
    "SUBSCRIBE": "405",
    "MESSAGE": "405",
    "FROB": "405",
    "malformed": "400",
}
SILENT = ["ACK", "a response", "garbage", "nothing", "terse INVITE", "terse OPTIONS", "terse and malformed"]


def packet(wire: Wire, kind: str) -> bytes:
    """What a stranger sends."""
    guess = (
        'Proxy-Authorization: Digest username="bob", realm="strowger", nonce="x", uri="sip:x", response="y", '
        "algorithm=SHA-256, qop=auth, nc=00000001, cnonce=z\r\n"
    )
    via = f"v:SIP/2.0/UDP {HOST}:{wire.port};branch=z9hG4bKt"
    terse = f"SIP/2.0\r\n{via}\r\nf:<sip:a>;tag=1\r\nt:<sip:a>\r\ni:1\r\nCSeq:1 "
    special = {
        "INVITE of nobody": wire.request("INVITE", "nobody"),
        "INVITE with guessed credentials": wire.request("INVITE", NUMBER, extra=guess),
        "re-INVITE": wire.request("INVITE", NUMBER, to_tag="x"),
        "malformed": wire.request("INVITE", NUMBER).replace(b"CSeq: 1 INVITE", b"CSeq: one INVITE"),
        "a response": wire.request("INVITE", NUMBER).replace(b"INVITE sip", b"SIP/2.0 200 OK\r\nX: sip", 1),
        "garbage": bytes(range(256)) * 4,
        "nothing": b"\r\n\r\n",
        "terse INVITE": f"INVITE sip:a {terse}INVITE\r\n\r\n".encode(),
        "terse OPTIONS": f"OPTIONS sip:a {terse}OPTIONS\r\n\r\n".encode(),
        "terse and malformed": f"INVITE a SIP/2.0\r\nv:SIP/2.0/UDP a:{wire.port}\r\n\r\n".encode(),
    }
    return special.get(kind) or wire.request(kind, NUMBER)


async def answers(wire: Wire, sent: bytes) -> list[bytes]:
    """All that comes back: as long as is watched, and until everything before has surely been read."""
    wire.send(sent)
    packets = []
    end = asyncio.get_running_loop().time() + WATCHED_S
    while (left := end - asyncio.get_running_loop().time()) > 0:
        if (came := await wire.packet(left)) is not None:
            packets.append(came)
    wire.send(wire.request("OPTIONS", NUMBER, call_id="probe"))
    while (came := await wire.packet()) is not None and b"Call-ID: probe" not in came:
        packets.append(came)
    assert came is not None, "the server is gone"
    return packets


async def test_a_stranger_gets_one_packet_for_one_and_never_twice_its_bytes(stage: Stage) -> None:
    server = await stage.serve(users={"bob": []}, passwords={"bob": "s3cret"}, sip=NOBODY_IS_TRUSTED)
    wires = {kind: Wire(server.sip_port) for kind in [*ANSWERED, *SILENT]}
    sent = {kind: packet(wire, kind) for kind, wire in wires.items()}
    got = dict(zip(wires, await asyncio.gather(*(answers(wires[kind], sent[kind]) for kind in wires)), strict=True))
    for wire in wires.values():
        wire.__exit__(None, None, None)
    statuses = {kind: [each.split(b" ", 2)[1].decode() for each in packets] for kind, packets in got.items()}
    assert statuses == {kind: [status] for kind, status in ANSWERED.items()} | {kind: [] for kind in SILENT}
    too_large = {
        kind: (len(sent[kind]), len(b"".join(packets)))
        for kind, packets in got.items()
        if len(b"".join(packets)) > 2 * len(sent[kind])
    }
    assert too_large == {}
    assert stage.application.events == []


class Caller:
    """Somebody with a name and a password, and the challenge it was given last."""

    def __init__(self, wire: Wire, name: str, password: str, *, says: str = "", dials: str = NUMBER) -> None:
        """`says` is the user of its From, if it is not its name."""
        self._wire = wire
        self._name = name
        self._password = password
        self._says = says or name
        self._dials = dials
        self._n = 0
        self._challenge = ""
        self._proof = ""

    async def invite(self, *statuses: int, proves: bool = True, count: int = 1) -> Response:
        """Call, with or without proof; the first response with one of the statuses."""
        self.send(proves=proves, count=count)
        response = await self._wire.response(*statuses)
        if response.status == 407:
            self._challenge = response.first("Proxy-Authenticate") or ""
        return response

    def send(self, *, proves: bool = True, count: int = 1) -> None:
        """The INVITE alone."""
        uri = f"sip:{self._dials}@{HOST}"
        if proves:
            self._proof = credentials(
                self._challenge, self._password, user=self._name, method="INVITE", uri=uri, count=count
            )
        self._invite(f"Proxy-Authorization: {self._proof}\r\n" if proves else "")

    async def replay(self, *statuses: int) -> Response:
        """A new call with the proof of the last one."""
        self._invite(f"Proxy-Authorization: {self._proof}\r\n")
        return await self._wire.response(*statuses)

    def _invite(self, extra: str) -> None:
        self._n += 1
        self._wire.send(
            self._wire.request(
                "INVITE", self._dials, call_id=f"{self._name}-{self._n}", extra=extra, caller=self._says
            )
        )


async def served(stage: Stage, **more: Any) -> Wire:
    await stage.serve(users={"bob": [], "ann": []}, passwords={"bob": "s3cret"}, sip=NOBODY_IS_TRUSTED, **more)
    return Wire(stage.server.sip_port)


@pytest.mark.parametrize("says", ["bob", "Bob", user_id("bob").replace(":", "%3A")])
async def test_a_user_calls_by_digest_and_the_application_is_told_who_it_is(stage: Stage, says: str) -> None:
    with await served(stage) as wire:
        bob = Caller(wire, "bob", "s3cret", says=says)
        await bob.invite(407, proves=False)
        await bob.invite(180)
        event = await stage.application.event()
        assert event.from_ == user_id("bob")


async def test_a_user_does_not_call_as_another(stage: Stage) -> None:
    with await served(stage) as wire:
        for says in ("ann", "+31612345678"):
            bob = Caller(wire, "bob", "s3cret", says=says)
            await bob.invite(407, proves=False)
            await bob.invite(403)
    assert stage.application.events == []


async def test_a_trunk_calls_by_digest_and_its_numbers_are_read_as_it_writes_them(stage: Stage) -> None:
    carrier = {
        "uri": "sip:127.0.0.1:9",
        "peer_username": "peer",
        "peer_password": "theirs",
        "number_format": "national",
        "country_code": "31",
        "options": "off",
    }
    with await served(stage, trunks={"carrier": carrier}) as wire:
        peer = Caller(wire, "peer", "theirs", says="0612345678", dials=NUMBER.replace("+31", "0"))
        await peer.invite(407, proves=False)
        await peer.invite(180)
        event = await stage.application.event()
        assert (event.from_, event.to) == ("4:+31612345678", f"4:{NUMBER}")


async def test_wrong_passwords_are_challenged_and_then_met_by_silence(stage: Stage) -> None:
    with await served(stage, limits=PATIENT) as wire:
        guesser, bob = Caller(wire, "bob", "guess"), Caller(wire, "bob", "s3cret")
        await bob.invite(407, proves=False)
        await guesser.invite(407, proves=False)
        for _ in range(TRIES):
            await guesser.invite(407)
        bob.send()
        wire.send(wire.request("OPTIONS", NUMBER, call_id="probe"))
        assert (await wire.response(100, 180, 200, 403, 407)).status == 200
        await stage.application.heard(0)
    assert stage.application.events == []


async def test_a_count_is_taken_once(stage: Stage) -> None:
    with await served(stage) as wire:
        bob = Caller(wire, "bob", "s3cret")
        await bob.invite(407, proves=False)
        await bob.invite(180)
        again = await bob.replay(100, 407)
        assert again.status == 407
        assert "stale=true" in (again.first("Proxy-Authenticate") or "")
        await bob.invite(180, count=2)


async def test_strangers_are_taken_where_the_settings_say_so_and_are_no_users(stage: Stage) -> None:
    sip = {"trusted": [], "strangers": "accept"}
    server = await stage.serve(users={"bob": [f"sip:bob@{HOST}:9"]}, passwords={"bob": "s3cret"}, sip=sip)
    with Wire(server.sip_port) as wire:
        await Caller(wire, "bob", "s3cret").invite(180, proves=False)
        event = await stage.application.event()
        assert event.from_ == f"sip:bob@{HOST}"
