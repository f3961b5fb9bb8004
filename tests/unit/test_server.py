"""The composition root: it starts, takes a call, says why it cannot start, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import ssl
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from strowger.acs.awaited import awaited
from strowger.calls.call import State
from strowger.phones.incoming import LegState
from strowger.phones.phone import Phone
from strowger.server import DATABASE, Server, StartError
from strowger.settings import Settings, load
from strowger.sip.authentication.digest import Algorithm, Protection, digest_response, hash_of_identity
from tests.support.registrar import FLOW, a_register

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def the_settings(directory: Path, **lists: object) -> Settings:
    config = directory / "strowger.toml"
    config.write_text(
        f"""
        [server]
        data_dir = "{directory / "data"}"
        public_url = "https://calls.example:7443"
        [listen]
        api = ["127.0.0.1:0"]
        console = ["127.0.0.1:0"]
        metrics = ["127.0.0.1:0"]
        sip = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
        [tls]
        mode = "off"
        [limits]
        hold = "50ms"
        [[resource]]
        name = "one"
        id = "r1"
        hosts = ["calls.example"]
        keys = ["{KEY}"]
        [[resource]]
        name = "two"
        id = "r2"
        hosts = ["two.example"]
        keys = ["{KEY}"]
        [[number]]
        resource = "one"
        e164 = "+31201110001"
        [[subscription]]
        resource = "one"
        name = "app"
        endpoint = "http://127.0.0.1:9/events"
        [events]
        private_targets = "allow"
        """
    )
    return load(config, {}, lists)


@pytest.mark.asyncio
@pytest.mark.parametrize("memory", [True, False])
async def test_a_call_nobody_decides_about_ends_with_480(tmp_path: Path, memory: bool) -> None:
    server = Server(the_settings(tmp_path), memory=memory)
    await server.start()
    assert set(server.inspection.readiness().values()) == {"ok"}
    udp = server.sip_addresses[0]
    phone = await Phone.open(user="+31612345678")
    call = phone.call(f"sip:+31201110001@{udp[4:]}", proxy=udp)
    response = await call.final(10)
    assert (response.status, [each.status for each in call.responses]) == (480, [100, 180, 480])
    kept = server.store.recent_calls(1)[0]
    assert (kept.state, kept.caller.raw_id) == (State.EXPIRED, "4:+31612345678")
    await phone.close()
    await server.stop()


@pytest.mark.asyncio
async def test_draining_waits_for_the_last_call_and_takes_no_new_one(tmp_path: Path) -> None:
    server = Server(the_settings(tmp_path), memory=True)
    await server.start()
    udp = server.sip_addresses[0]
    phone = await Phone.open(user="+31612345678")
    first = phone.call(f"sip:+31201110001@{udp[4:]}", proxy=udp)
    await first.wait_for(180, 5)
    await server.drain(10)
    assert len(server.exchange) == 0
    second = phone.call(f"sip:+31201110001@{udp[4:]}", proxy=udp)
    assert (await second.final(5)).status == 503
    await phone.close()
    await server.stop()


@pytest.mark.asyncio
async def test_a_taken_port_is_said_and_nothing_stays_open(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = Server(the_settings(tmp_path, **{"listen": {"api": [f"127.0.0.1:{port}"]}}))
        with pytest.raises(StartError, match=str(port)):
            await server.start()
    again = Server(the_settings(tmp_path))
    await again.start()
    await again.stop()


@pytest.mark.asyncio
async def test_two_servers_do_not_share_a_data_directory(tmp_path: Path) -> None:
    server = Server(the_settings(tmp_path))
    await server.start()
    with pytest.raises(StartError, match="in use"):
        await Server(the_settings(tmp_path)).start()
    await server.stop()


SIP_OVER_TLS = {"listen": {"sip": ["tls:127.0.0.1:0", "ws:127.0.0.1:0", "udp:127.0.0.1:0"]}, "tls": {"mode": "dev-ca"}}

OPTIONS = (
    "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{transport} 127.0.0.1;branch=z9hG4bKo;rport\r\nMax-Forwards: 70\r\n"
    "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: {transport}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.asyncio
async def test_phones_may_come_over_tls_and_websocket(tmp_path: Path) -> None:
    server = Server(the_settings(tmp_path, **SIP_OVER_TLS), memory=True)
    await server.start()
    ports = {address.partition(":")[0]: int(address.rpartition(":")[2]) for address in server.sip_addresses}
    assert server.dev_ca is not None
    trust = ssl.create_default_context(cafile=str(server.dev_ca.authority))
    reader, writer = await asyncio.open_connection("127.0.0.1", ports["tls"], ssl=trust)
    writer.write(OPTIONS.format(transport="TLS").encode())
    assert (await asyncio.wait_for(reader.readline(), 5)) == b"SIP/2.0 200 OK\r\n"
    writer.close()
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{ports['ws']}/", protocols=["sip"]) as socket_,
    ):
        await socket_.send_str(OPTIONS.format(transport="WS"))
        assert (await asyncio.wait_for(socket_.receive_str(), 5)).startswith("SIP/2.0 200 OK\r\n")
    await server.stop()


@pytest.mark.asyncio
async def test_a_caller_over_tls_is_reached_within_the_dialog_by_its_connection(tmp_path: Path) -> None:
    target = await Phone.open(user="bob")
    user = {"resource": "one", "name": "bob", "id": "8:acs:r1_b", "contacts": [target.uri]}
    server = Server(the_settings(tmp_path, **SIP_OVER_TLS, user=[user]), memory=True)
    await server.start()
    port = int(server.sip_addresses[0].rpartition(":")[2])
    assert server.dev_ca is not None
    trust = ssl.create_default_context(cafile=str(server.dev_ca.authority))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
    invite = OPTIONS.format(transport="TLS").replace("OPTIONS", "INVITE").replace("sip:127.0.0.1", "sip:bob@127.0.0.1")
    writer.write(invite.replace("Max", "Contact: <sip:me@caller.invalid;transport=tls>\r\nMax").encode())
    answer = await read_until(reader, b"SIP/2.0 200")
    leg = await target.leg(timeout_s=5)
    route = next(line for line in answer.split("\r\n") if line.startswith("Record-Route: "))
    to = next(line for line in answer.split("\r\n") if line.startswith("To: "))
    ack = OPTIONS.format(transport="TLS").replace("OPTIONS", "ACK").replace("sip:127.0.0.1", target.uri, 1)
    ack = ack.replace("To: <sip:c@d>", to).replace("Max", f"{route.replace('Record-Route', 'Route')}\r\nMax")
    writer.write(ack.encode())
    await leg.reached(LegState.CONFIRMED, 5)
    hung_up = leg.hang_up()
    bye = await read_until(reader, b"BYE sip:me@caller.invalid")
    headers = [line for line in bye.split("\r\n") if line.split(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")]
    writer.write("\r\n".join(["SIP/2.0 200 OK", *headers, "Content-Length: 0", "", ""]).encode())
    assert await asyncio.wait_for(hung_up, 5) == 200
    writer.close()
    await target.close()
    await server.stop()


DIGEST = (
    'Authorization: Digest username="Bob", realm="strowger", nonce="{nonce}", uri="sip:127.0.0.1", '
    'response="{response}", algorithm=SHA-256, cnonce="c", qop=auth, nc=00000001'
)


def register(authorization: str = "") -> str:
    """A REGISTER of bob's WebSocket phone, with a header of its own or none."""
    text = OPTIONS.format(transport="WS").replace("OPTIONS", "REGISTER").replace("<sip:c@d>", "<sip:bob@127.0.0.1>")
    added = "Contact: <sip:b0b@phone.invalid;transport=ws>\r\n" + (f"{authorization}\r\n" if authorization else "")
    return text.replace("branch=z9hG4bKo", f"branch=z9hG4bK{len(added)}").replace("Max", f"{added}Max", 1)


def digest_of(challenge: str) -> str:
    """What bob answers to a challenge; his password is `secret`."""
    nonce = challenge.partition('nonce="')[2].partition('"')[0]
    ha1 = hash_of_identity(Algorithm.SHA_256, "Bob", "strowger", "secret")
    protection = Protection("00000001", "c")
    return DIGEST.format(
        nonce=nonce,
        response=digest_response(Algorithm.SHA_256, ha1, "REGISTER", "sip:127.0.0.1", nonce, protection),
    )


@pytest.mark.asyncio
async def test_a_hash_is_as_good_as_the_password_which_the_server_does_not_keep(tmp_path: Path) -> None:
    ha1 = hash_of_identity(Algorithm.SHA_256, "Bob", "strowger", "secret")
    bob = {"resource": "one", "name": "Bob", "id": "8:acs:r1_b", "sip_ha1": [f"SHA-256:{ha1}"]}
    ann = {"resource": "one", "name": "Ann", "id": "8:acs:r1_a", "sip_password": "another secret"}
    server = Server(the_settings(tmp_path, **SIP_OVER_TLS, user=[bob, ann]), memory=True)
    await server.start()
    assert [row.sip_password for row in server.settings.users] == ["", ""]
    port = next(each.rpartition(":")[2] for each in server.sip_addresses if each.startswith("ws:"))
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{port}/", protocols=["sip"]) as phone,
    ):
        await phone.send_str(register())
        challenge = await asyncio.wait_for(phone.receive_str(), 5)
        await phone.send_str(register(digest_of(challenge)))
        assert (await asyncio.wait_for(phone.receive_str(), 5)).startswith("SIP/2.0 200")
    await server.stop()


@pytest.mark.asyncio
async def test_a_phone_that_registers_over_websocket_is_rung_and_reached_by_its_connection(tmp_path: Path) -> None:
    user = {"resource": "one", "name": "Bob", "id": "8:acs:r1_b", "sip_password": "secret"}
    server = Server(the_settings(tmp_path, **SIP_OVER_TLS, user=[user]), memory=True)
    await server.start()
    ports = {address.partition(":")[0]: int(address.rpartition(":")[2]) for address in server.sip_addresses}
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{ports['ws']}/", protocols=["sip"]) as phone,
    ):
        await phone.send_str(register())
        challenge = await asyncio.wait_for(phone.receive_str(), 5)
        assert challenge.startswith("SIP/2.0 401")
        await phone.send_str(register(digest_of(challenge)))
        assert (await asyncio.wait_for(phone.receive_str(), 5)).startswith("SIP/2.0 200")
        caller = await Phone.open(user="ann")
        outgoing = caller.call(f"sip:bob@127.0.0.1:{ports['udp']}")
        invite = await asyncio.wait_for(phone.receive_str(), 5)
        assert invite.startswith("INVITE sip:b0b@phone.invalid;transport=ws SIP/2.0\r\n")
        await phone.send_str(answer_of(invite))
        assert (await outgoing.final(5)).status == 200
        ack = await asyncio.wait_for(phone.receive_str(), 5)
        assert ack.startswith("ACK sip:b0b@phone.invalid;transport=ws;ob SIP/2.0\r\n")
        hung_up = asyncio.create_task(outgoing.hang_up())
        bye = await asyncio.wait_for(phone.receive_str(), 5)
        assert bye.startswith("BYE sip:b0b@phone.invalid")
        await phone.send_str(answer_of(bye))
        assert await asyncio.wait_for(hung_up, 5) == 200
        await caller.close()
    await server.stop()


@pytest.mark.asyncio
async def test_phones_connect_to_the_console_where_the_settings_say_so(tmp_path: Path) -> None:
    user = {"resource": "one", "name": "Bob", "id": "8:acs:r1_b", "sip_password": "secret"}
    sip = {"console_websocket": "on", "ws_origins": ["https://phones.example"]}
    server = Server(the_settings(tmp_path, sip=sip, user=[user]), memory=True)
    await server.start()
    url = f"http://{server.console_addresses[0]}/sip"
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await session.ws_connect(url, protocols=["sip"], origin="https://elsewhere.example")
        phone = await session.ws_connect(url, protocols=["sip"], origin="https://phones.example")
        await phone.send_str(register())
        challenge = await asyncio.wait_for(phone.receive_str(), 5)
        await phone.send_str(register(digest_of(challenge)))
        assert (await asyncio.wait_for(phone.receive_str(), 5)).startswith("SIP/2.0 200")
        caller = await Phone.open(user="ann")
        outgoing = caller.call(f"sip:bob@{server.sip_addresses[0][4:]}")
        invite = await asyncio.wait_for(phone.receive_str(), 5)
        assert invite.startswith("INVITE sip:b0b@phone.invalid;transport=ws SIP/2.0\r\n")
        assert f"\r\nVia: SIP/2.0/WS {server.console_addresses[0]};branch=" in invite
        await phone.send_str(answer_of(invite))
        assert (await outgoing.final(5)).status == 200
        await caller.close()
        stopping = asyncio.create_task(server.stop())
        while (message := await asyncio.wait_for(phone.receive(), 5)).type is aiohttp.WSMsgType.TEXT:
            pass
        assert (message.type, phone.close_code) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.GOING_AWAY)
        await asyncio.wait_for(stopping, 5)


@pytest.mark.asyncio
async def test_phones_do_not_connect_to_the_console_unasked(tmp_path: Path) -> None:
    server = Server(the_settings(tmp_path), memory=True)
    await server.start()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
            await session.ws_connect(f"http://{server.console_addresses[0]}/sip", protocols=["sip"])
    await server.stop()


def answer_of(request: str) -> str:
    """The 200 of a phone that changes its contact in mid-way, as some do."""
    kept = ("Via", "From", "To", "Call-ID", "CSeq", "Record-Route")
    headers = [line for line in request.split("\r\n") if line.split(":")[0] in kept]
    headers = [f"{line};tag=b" if line.startswith("To:") and "tag=" not in line else line for line in headers]
    contact = "Contact: <sip:b0b@phone.invalid;transport=ws;ob>"
    return "\r\n".join(["SIP/2.0 200 OK", *headers, contact, "Content-Length: 0", "", ""])


@pytest.mark.asyncio
async def test_a_realm_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="phones cannot register"):
        await Server(the_settings(tmp_path, sip={"realm": "caf\u00e9"})).start()
    again = Server(the_settings(tmp_path))  # nothing stays open
    await again.start()
    await again.stop()


@pytest.mark.asyncio
async def test_a_database_that_cannot_be_read_is_said_at_the_start(tmp_path: Path) -> None:
    server = Server(the_settings(tmp_path))
    await server.start()
    await server.stop()
    with contextlib.closing(sqlite3.connect(server.data_dir / DATABASE)) as database:
        database.execute("ALTER TABLE identities RENAME TO gone")
    for _ in range(2):  # nothing stays open
        with pytest.raises(StartError, match="the database cannot be read"):
            await Server(the_settings(tmp_path)).start()


async def read_until(reader: asyncio.StreamReader, start: bytes) -> str:
    """The head of the next message that begins so."""
    while True:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
        if head.startswith(start):
            return head.decode()


@pytest.mark.asyncio
async def test_with_the_tokens_of_a_user_go_the_phones_that_came_by_them(tmp_path: Path) -> None:
    bob = {"resource": "one", "name": "bob", "id": "8:acs:r1_b", "sip_password": "secret"}
    ann = {"resource": "one", "name": "ann", "id": "8:acs:r1_a"}
    server = Server(the_settings(tmp_path, user=[bob, ann]), memory=True)
    await server.start()
    for each in (bob, ann):
        request = a_register("<sip:phone@192.0.2.7>", to=f"<sip:{each['name']}@example.com>")
        outcome = await awaited(partial(server.registration.register, request, FLOW))
        assert outcome.status == 200
        assert await awaited(partial(server.identities.revoke, each["id"], "one", 1.0)) is None
    assert [server.registration.contacts(str(each["id"])) for each in (bob, ann)] == [("sip:phone@192.0.2.7",), ()]
    await server.stop()
