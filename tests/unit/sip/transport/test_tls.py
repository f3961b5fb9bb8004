"""TLS: who is believed, what is renewed, what a handshake may take."""

from __future__ import annotations

import asyncio
import errno
import shutil
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from strowger.sip.flow import Flow
from strowger.sip.transport.errors import ListenFailed
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.tls import LOOK_EVERY_S, TlsContexts, proven_name, why_failed
from strowger.tls import DevCa, client_context, create_dev_ca, server_context

LIMITS = TransportLimits()
OPTIONS = b"OPTIONS sip:1 SIP/2.0\r\nContent-Length: 0\r\n\r\n"
REPLY = b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


def contexts(files: DevCa, trusted: Path | None = None) -> TlsContexts:
    """Contexts that show the certificate of `files` and believe its authority, or `trusted`."""
    return TlsContexts(
        server=lambda: server_context(files.cert, files.key),
        client=lambda: client_context(trusted or files.authority),
        files=(files.cert, files.key),
    )


@pytest.fixture
def files(authority: DevCa, tmp_path: Path) -> DevCa:
    """A copy of the certificate that a test may change."""
    originals = (authority.authority, authority.cert, authority.key)
    return DevCa(*(Path(shutil.copy(each, tmp_path / each.name)) for each in originals))


def renew(files: DevCa, directory: Path) -> DevCa:
    """Put another certificate of another authority in the place of `files`; returns that one."""
    fresh = create_dev_ca(directory, now=time.time())
    shutil.copy(fresh.cert, files.cert)
    shutil.copy(fresh.key, files.key)
    return fresh


class Zone:
    """A name server for which every name is this machine."""

    async def __call__(self, host: str, family: int) -> Sequence[str]:
        return ("127.0.0.1",)


# ------------------------------------------------------------------------------------------------------------ contexts


def test_contexts_are_made_once_until_a_file_changes(files: DevCa, tmp_path: Path) -> None:
    made = contexts(files)
    made.load()
    server, client = made.server, made.client
    made.load()
    assert made.refresh(10.0) == ""
    assert (made.server, made.client) == (server, client)
    renew(files, tmp_path / "fresh")
    assert made.refresh(10.0 + LOOK_EVERY_S / 2) == ""
    assert made.server is server
    assert made.refresh(10.0 + LOOK_EVERY_S) == ""
    assert made.server is not server
    assert made.client is not client


def test_half_of_a_new_pair_is_not_used_and_the_other_half_completes_it(files: DevCa, tmp_path: Path) -> None:
    made = contexts(files)
    made.load()
    server = made.server
    fresh = create_dev_ca(tmp_path / "fresh", now=time.time())
    shutil.copy(fresh.cert, files.cert)
    reason = "the old certificate stays in use, since the new one cannot be read: key values mismatch"
    assert [made.refresh(now) for now in (10.0, 20.0)] == [reason, ""]
    assert made.server is server
    shutil.copy(fresh.key, files.key)
    assert made.refresh(30.0) == ""
    assert made.server is not server


def test_a_file_that_is_gone_changes_nothing(files: DevCa) -> None:
    made = contexts(files)
    made.load()
    files.key.unlink()
    assert made.refresh(10.0).endswith("cannot be read: [Errno 2] No such file or directory")
    assert made.refresh(20.0) == ""
    assert made.server is not None


@pytest.mark.parametrize(
    ("name", "proven"), [("sip.test.", "sip.test"), ("fe80::1%2", "fe80::1"), ("127.0.0.1", "127.0.0.1")]
)
def test_what_a_certificate_must_hold(name: str, proven: str) -> None:
    assert proven_name(name) == proven


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), "Connection refused"),
        (ConnectionAbortedError("SSL handshake is taking longer"), "no TLS handshake in 5 s (limits.handshake)"),
        (ConnectionResetError(), "the peer hung up during the TLS handshake"),
        (ssl.SSLError("odd"), "no TLS handshake: ('odd',)"),
        (OSError("something of its own"), "something of its own"),
    ],
)
def test_the_words_of_a_failure(error: OSError, reason: str) -> None:
    assert why_failed(error, 5.0) == reason


# ----------------------------------------------------------------------------------------------------------- listening


@pytest.mark.asyncio
async def test_without_a_certificate_nothing_is_listened_on(serve, tmp_path):
    with pytest.raises(ListenFailed, match=r"^cannot listen on tls:127\.0\.0\.1:0: there is no certificate$"):
        await serve().listen("tls:127.0.0.1:0")
    absent = DevCa(*(tmp_path / each for each in ("ca.pem", "server.pem", "server.key")))
    with pytest.raises(ListenFailed, match=r"the certificate cannot be used: .*No such file"):
        await serve(tls=contexts(absent)).listen("wss:127.0.0.1:0")


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_message_arrives_with_its_flow_and_is_answered_on_it(serve, dial, tls, trusting, host):
    exchange = serve(tls=tls)
    address = await exchange.listen(f"tls:[{host}]:0" if ":" in host else f"tls:{host}:0")
    peer = await dial(address, ssl=trusting)
    body = b"x" * 60_000
    await peer.send(b"OPTIONS sip:1 SIP/2.0\r\nContent-Length: 60000\r\n\r\n" + body + OPTIONS)
    data, flow = await exchange.next()
    assert data.endswith(body)
    assert flow[:4] == ("TLS", *peer.address, 0)
    assert (await exchange.next())[0] == OPTIONS
    exchange.transports.send(flow, body, "key")
    exchange.transports.send(flow, b"200", "key")
    assert await peer.read(60_003) == body + b"200"
    await peer.send(b"\r\n\r\n")
    assert await peer.read(2) == b"\r\n"
    assert exchange.failures.empty()


@pytest.mark.asyncio
async def test_many_messages_at_once_are_all_handed_up(serve, dial, tls, trusting):
    exchange = serve(tls=tls)
    peer = await dial(await exchange.listen("tls:127.0.0.1:0"), ssl=trusting)
    await peer.send(OPTIONS * 1_000)
    for _ in range(1_000):
        assert (await exchange.next())[0] == OPTIONS


@pytest.mark.asyncio
async def test_a_stream_that_cannot_be_framed_is_answered_and_closed(serve, dial, tls, trusting):
    exchange = serve(tls=tls)
    peer = await dial(await exchange.listen("tls:127.0.0.1:0"), ssl=trusting)
    await peer.send(OPTIONS + b"OPTIONS sip:1 SIP/2.0\r\nContent-Length: -1\r\n\r\n")
    assert await peer.ended() == REPLY
    await exchange.connections(0)
    assert exchange.trouble("unframeable stream") == 1


@pytest.mark.asyncio
async def test_who_does_not_speak_tls_is_closed_and_counted(serve, dial, tls):
    exchange = serve(tls=tls)
    peer = await dial(await exchange.listen("tls:127.0.0.1:0"))
    await peer.send(OPTIONS)
    await peer.ended()
    await exchange.connections(0)
    assert exchange.trouble("handshake failed") == 1
    assert exchange.received.empty()


@pytest.mark.asyncio
async def test_a_slow_handshake_is_closed_at_its_limit(serve, dial, tls):
    exchange = serve(replace(LIMITS, handshake_s=0.05), tls=tls)
    peer = await dial(await exchange.listen("tls:127.0.0.1:0"))
    await peer.send(b"\x16\x03\x01")
    with capture_logs() as lines:
        assert await peer.ended() == b""
        await exchange.connections(0)
    assert [line["event"] for line in lines] == ["connection closed: no TLS handshake in 0.05 s (limits.handshake)"]
    assert exchange.trouble("handshake failed") == 1


@pytest.mark.asyncio
async def test_of_too_many_handshakes_the_oldest_makes_way(serve, dial, tls, trusting):
    exchange = serve(replace(LIMITS, handshakes=2), tls=tls)
    address = await exchange.listen("tls:127.0.0.1:0")
    oldest = await dial(address)
    await exchange.handshakes(1)
    younger = await dial(address)
    await exchange.handshakes(2)
    peer = await dial(address, ssl=trusting)
    assert await oldest.ended() == b""
    await peer.send(OPTIONS)
    assert (await exchange.next())[0] == OPTIONS
    await exchange.handshakes(1)
    assert exchange.trouble("handshake failed") == 1
    assert younger.writer.transport.is_closing() is False


@pytest.mark.asyncio
async def test_half_open_handshakes_do_not_keep_others_out(serve, dial, tls, trusting):
    exchange = serve(tls=tls)
    address = await exchange.listen("tls:127.0.0.1:0")
    half_open = []
    for number in range(500):
        made = socket.create_connection(address, source_address=(f"127.0.0.{10 + number // 100}", 0))
        made.sendall(b"\x16\x03\x01\x02\x00\x01")
        half_open.append(made)
    peer = await dial(address, ssl=trusting)
    await peer.send(OPTIONS)
    assert (await exchange.next())[0] == OPTIONS
    await exchange.handshakes(LIMITS.handshakes - 1)
    await exchange.connections(LIMITS.handshakes)
    assert exchange.trouble("handshake failed") == 501 - LIMITS.handshakes
    for made in half_open:
        made.close()
    await exchange.connections(1)


@pytest.mark.asyncio
async def test_a_silent_handshake_makes_room_when_all_connections_are_taken(serve, dial, tls, trusting):
    exchange = serve(replace(LIMITS, tcp_connections=1), tls=tls)
    address = await exchange.listen("tls:127.0.0.1:0")
    silent = await dial(address)
    await exchange.handshakes(1)
    peer = await dial(address, ssl=trusting)
    assert await silent.ended() == b""
    await peer.send(OPTIONS)
    assert (await exchange.next())[0] == OPTIONS
    await exchange.connections(1)


@pytest.mark.asyncio
async def test_stopping_ends_handshakes_too(serve, dial, tls):
    exchange = serve(tls=tls)
    peer = await dial(await exchange.listen("tls:127.0.0.1:0"))
    await exchange.handshakes(1)
    await exchange.transports.stop()
    assert await peer.ended() == b""
    assert exchange.transports.counters.connections_open == 0


# ------------------------------------------------------------------------------------------------------------- renewal


@pytest.mark.asyncio
async def test_a_renewed_certificate_is_shown_to_the_next_peer_and_disturbs_no_other(
    serve, dial, files, tmp_path, monkeypatch
):
    monkeypatch.setattr("strowger.sip.transport.tls.LOOK_EVERY_S", 0.0)
    exchange = serve(tls=contexts(files))
    address = await exchange.listen("tls:127.0.0.1:0")
    old = await dial(address, ssl=client_context(files.authority))
    await old.send(OPTIONS)
    flow = (await exchange.next())[1]
    fresh = renew(files, tmp_path / "fresh")
    new = await dial(address, ssl=client_context(fresh.authority))
    await new.send(OPTIONS)
    await exchange.next()
    with pytest.raises(ssl.SSLCertVerificationError):
        await dial(address, ssl=client_context(files.authority))
    exchange.transports.send(flow, b"still here", "key")
    assert await old.read(10) == b"still here"
    assert exchange.trouble("certificate not renewed") == 0


@pytest.mark.asyncio
async def test_a_certificate_that_cannot_be_read_leaves_the_old_one_in_use(serve, dial, files, trusting, monkeypatch):
    monkeypatch.setattr("strowger.sip.transport.tls.LOOK_EVERY_S", 0.0)
    exchange = serve(tls=contexts(files))
    address = await exchange.listen("tls:127.0.0.1:0")
    files.cert.write_bytes(b"half a file")
    peer = await dial(address, ssl=trusting)
    await peer.send(OPTIONS)
    assert (await exchange.next())[0] == OPTIONS
    assert exchange.trouble("certificate not renewed") == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("transport", ["tls", "wss"])
async def test_of_several_certificates_each_host_is_shown_its_own_and_renewed(
    serve, dial, files, tmp_path, monkeypatch, transport
):
    monkeypatch.setattr("strowger.sip.transport.tls.LOOK_EVERY_S", 0.0)
    other = create_dev_ca(tmp_path / "other", ["other.test"], now=time.time())
    pairs = [(other.cert, other.key)]
    tls = TlsContexts(
        server=lambda: server_context(files.cert, files.key, pairs),
        client=lambda: client_context(files.authority),
        files=(files.cert, files.key, *pairs[0]),
    )
    address = await serve(tls=tls).listen(f"{transport}:127.0.0.1:0")
    await dial(address, ssl=client_context(files.authority), name="sip.test")
    await dial(address, ssl=client_context(other.authority), name="other.test")
    fresh = create_dev_ca(tmp_path / "fresh", ["other.test"], now=time.time())
    shutil.copy(fresh.cert, other.cert)
    shutil.copy(fresh.key, other.key)
    await dial(address, ssl=client_context(fresh.authority), name="other.test")
    with pytest.raises(ssl.SSLCertVerificationError):
        await dial(address, ssl=client_context(other.authority), name="other.test")


# ------------------------------------------------------------------------------------------------------------ outgoing


@pytest.mark.asyncio
async def test_a_peer_is_asked_for_by_name_and_must_prove_it(serve, authority, tls):
    asked: list[str] = []

    def far_context() -> ssl.SSLContext:
        context = server_context(authority.cert, authority.key)
        context.sni_callback = lambda _, name, __: asked.append(name)
        return context

    far = serve(tls=TlsContexts(server=far_context, client=client_context, files=()))
    near = serve(resolver=Zone(), tls=tls)
    _, port = await far.listen("tls:127.0.0.1:0")
    await near.listen("tls:127.0.0.1:0")
    flow = near.transports.flow_to("TLS", "Sip.Test", port)
    near.transports.send(flow, OPTIONS, "key")
    near.transports.send(flow, OPTIONS, "key")
    _, back = await far.next()
    assert (await far.next())[1] == back
    assert asked == ["sip.test"]
    far.transports.send(back, OPTIONS)
    _, proven = await near.next()
    assert (proven.transport, proven.host, proven.port, proven.name) == ("TLS", "127.0.0.1", port, "sip.test")
    near.transports.send(Flow("TLS", "127.0.0.1", port, 0, name="SIP.test"), OPTIONS)
    await far.next()
    assert near.transports.counters.connections_opened == 1
    assert near.failures.empty()


@pytest.mark.asyncio
async def test_an_address_is_proven_by_the_address_and_shares_no_connection_with_a_name(serve, tls):
    far, near = serve(tls=tls), serve(resolver=Zone(), tls=tls)
    _, port = await far.listen("tls:127.0.0.1:0")
    await near.listen("tls:127.0.0.1:0")
    for host in ("127.0.0.1", "sip.test", "127.0.0.1"):
        near.transports.send(near.transports.flow_to("TLS", host, port), OPTIONS, "key")
        await far.next()
    assert near.transports.counters.connections_opened == 2


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("other.test", "Hostname mismatch, certificate is not valid for 'other.test'."),
        ("127.0.0.2", "IP address mismatch, certificate is not valid for '127.0.0.2'."),
    ],
)
async def test_a_peer_that_is_somebody_else_gets_nothing(serve, tls, host, reason):
    far, near = serve(tls=tls), serve(resolver=Zone(), tls=tls)
    _, port = await far.listen("tls:0.0.0.0:0")
    await near.listen("tls:127.0.0.1:0")
    near.transports.send(near.transports.flow_to("TLS", host, port), b"secret", "key")
    where = host if host[0] == "1" else "127.0.0.1"
    assert await near.failure() == ("key", f"TLS to {where}:{port}: the certificate is not accepted: {reason}")
    await far.connections(0)
    assert far.received.empty()


@pytest.mark.asyncio
async def test_an_authority_that_is_not_trusted_is_not_believed(serve, authority, tls, tmp_path):
    other = create_dev_ca(tmp_path, now=time.time())
    far, near = serve(tls=tls), serve(tls=contexts(authority, other.authority))
    _, port = await far.listen("tls:127.0.0.1:0")
    await near.listen("tls:127.0.0.1:0")
    near.transports.send(near.transports.flow_to("TLS", "127.0.0.1", port), b"secret", "key")
    key, reason = await near.failure()
    assert key == "key"
    assert "the certificate is not accepted: unable to get local issuer certificate" in reason


@pytest.mark.asyncio
async def test_a_peer_that_does_not_shake_hands_is_given_up_in_time(serve, tls):
    near = serve(replace(LIMITS, handshake_s=0.05), tls=tls)
    await near.listen("tls:127.0.0.1:0")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        near.transports.send(near.transports.flow_to("TLS", "127.0.0.1", port), b"secret", "key")
        reason = f"TLS to 127.0.0.1:{port}: no TLS handshake in 0.05 s (limits.handshake)"
        assert await near.failure() == ("key", reason)
    assert near.transports.counters.connections_open == 0


@pytest.mark.asyncio
async def test_a_peer_that_hangs_up_or_speaks_something_else_is_told_of(serve, tls):
    near = serve(tls=tls)
    await near.listen("tls:127.0.0.1:0")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answers.pop())
        writer.close()

    answers = [b"", b"SIP/2.0 400 Bad Request\r\n\r\n"]
    far = await asyncio.start_server(answer, "127.0.0.1", 0)
    flow = near.transports.flow_to("TLS", *far.sockets[0].getsockname())
    reasons = []
    for _ in range(2):
        near.transports.send(flow, b"secret", "key")
        reasons.append((await near.failure())[1].partition(": ")[2])
    assert reasons[0] == "no TLS handshake: wrong version number"
    assert reasons[1] in ("the peer hung up during the TLS handshake", "Connection reset by peer")
    far.close()


@pytest.mark.asyncio
async def test_an_accepted_connection_has_proven_nothing_and_serves_only_flows_that_name_it(
    serve, dial, tls, trusting
):
    exchange = serve(tls=tls)
    peer = await dial(await exchange.listen("tls:127.0.0.1:0"), ssl=trusting)
    await peer.send(OPTIONS)
    _, flow = await exchange.next()
    exchange.transports.send(exchange.transports.flow_to("TLS", *peer.address), b"secret", "key")
    assert await exchange.failure() == ("key", f"TLS to 127.0.0.1:{flow.port}: Connection refused")
    exchange.transports.send(flow, b"mine", "key")
    assert await peer.read(4) == b"mine"


@pytest.mark.asyncio
async def test_when_the_connection_is_gone_another_is_opened_to_the_port_of_the_flow(serve, dial, tls, trusting):
    exchange, sent_by = serve(tls=tls), serve(tls=tls)
    peer = await dial(await exchange.listen("tls:127.0.0.1:0"), ssl=trusting)
    _, port = await sent_by.listen("tls:127.0.0.1:0")
    await peer.send(OPTIONS)
    _, flow = await exchange.next()
    await peer.close()
    await exchange.connections(0)
    exchange.transports.send(flow._replace(port=port), OPTIONS, "key")
    assert (await sent_by.next())[0] == OPTIONS


@pytest.mark.asyncio
async def test_a_peer_that_does_not_read_is_cut_and_what_it_never_got_is_reported(serve, tls, trusting):
    exchange = serve(replace(LIMITS, tcp_write_buffer_bytes=50_000), tls=tls)
    address = await exchange.listen("tls:127.0.0.1:0")
    made = asyncio.get_running_loop().create_future()

    class Deaf(asyncio.Protocol):
        def connection_made(self, transport):
            transport.write(OPTIONS)
            transport.pause_reading()
            made.set_result(transport)

    await asyncio.get_running_loop().create_connection(Deaf, *address, ssl=trusting)
    _, flow = await exchange.next()
    for _ in range(2_000):
        exchange.transports.send(flow, b"x" * 10_000, "key")
        if exchange.trouble("peer does not read"):
            break
    assert (await exchange.failure())[0] == "key"
    assert exchange.trouble("peer does not read") == 1
    (await made).abort()
    await exchange.connections(0)
