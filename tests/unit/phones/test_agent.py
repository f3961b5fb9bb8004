"""The shell between sockets and transactions: answers to what is no request, the way back, and counters."""

from __future__ import annotations

import asyncio

import pytest

from strowger.phones.behaviours import NoAnswer
from strowger.phones.incoming import LegState
from strowger.phones.trace import TraceLine
from strowger.sip.message.message import Response, parse_message
from tests.unit.phones.conftest import TIMEOUT_S, OpenPhone, OpenWire

pytestmark = pytest.mark.asyncio


async def test_garbage_is_counted_and_not_answered(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob")
    wire = await open_wire()
    wire.send(b"hello", bob)
    wire.send(b"SIP/2.0 200 OK\r\nVia: nonsense\r\n\r\n")
    wire.send(wire.make("OPTIONS", bob))
    assert (await wire.receive()).cseq.method == "OPTIONS"
    assert bob.garbled == 2


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [(b" SIP/2.0\r\n", b" SIP/7.0\r\n", 505), (b"CSeq: 1 OPTIONS", b"CSeq: 1 INFO", 400), (b"From:", b"X-From:", 400)],
)
async def test_a_request_with_a_fault_is_refused(open_phone, open_wire, old: bytes, new: bytes, status: int) -> None:
    bob = await open_phone(user="bob")
    wire = await open_wire()
    wire.send(wire.make("OPTIONS", bob).to_bytes().replace(old, new, 1), bob)
    assert (await wire.response(status)).to_tag
    assert bob.garbled == 1


async def test_an_ack_with_a_fault_is_not_answered(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone(user="bob")
    wire = await open_wire()
    wire.send(wire.make("ACK", bob).to_bytes().replace(b"CSeq: 1 ACK", b"CSeq: 1 INFO"), bob)
    wire.send(wire.make("OPTIONS", bob))
    assert (await wire.receive()).cseq.method == "OPTIONS"
    assert bob.garbled == 1


async def test_a_fault_on_a_stream_is_answered_before_it_is_closed(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    bob = await open_phone("tcp:127.0.0.1:0", user="bob")
    wire = await open_wire()
    request = wire.make("OPTIONS", bob).to_bytes().replace(b"Content-Length: 0", b"Content-Length: -1")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(bob.address.rpartition(":")[2]))
    writer.write(request)
    async with asyncio.timeout(TIMEOUT_S):
        response = parse_message(await reader.read())
    assert isinstance(response, Response) and response.status == 400
    writer.close()
    await writer.wait_closed()


async def test_a_response_goes_where_the_via_says_or_where_the_request_came_from(
    open_phone: OpenPhone, open_wire: OpenWire
) -> None:
    bob = await open_phone(user="bob")
    sender, listener = await open_wire(), await open_wire()
    request = sender.make("OPTIONS", bob)
    request.set("Via", f"SIP/2.0/UDP 127.0.0.1:{listener.port};branch=z9hG4bKport")
    sender.send(request, bob)
    assert (await listener.response(200)).top_via.received is None
    request.set("Via", f"SIP/2.0/UDP elsewhere:{listener.port};branch=z9hG4bKreceived")
    request.set("Call-ID", "two")
    sender.send(request)
    assert (await listener.response(200)).top_via.received == "127.0.0.1"
    request.set("Via", "SIP/2.0/UDP elsewhere:9;rport;branch=z9hG4bKrport")
    request.set("Call-ID", "three")
    sender.send(request)
    via = (await sender.response(200)).top_via
    assert (via.received, via.rport) == ("127.0.0.1", str(sender.port))


async def test_a_response_over_tcp_survives_the_loss_of_its_connection(
    open_phone: OpenPhone, open_wire: OpenWire
) -> None:
    bob = await open_phone("tcp:127.0.0.1:0", user="bob", behaviour=NoAnswer())
    wire = await open_wire()
    again: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        again.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    invite = wire.invite(bob)
    invite.set("Via", f"SIP/2.0/TCP 127.0.0.1:{port};branch=z9hG4bKone")
    _, writer = await asyncio.open_connection("127.0.0.1", int(bob.address.rpartition(":")[2]))
    writer.write(invite.to_bytes())
    leg = await bob.leg(timeout_s=TIMEOUT_S)
    await leg.reached(LegState.RINGING, TIMEOUT_S)
    writer.transport.abort()
    (connection,) = bob._agent._endpoint.connections.values()
    async with asyncio.timeout(TIMEOUT_S):
        await connection.lost
        leg.reject(486)
        assert (await again).startswith(b"SIP/2.0 486 Busy Here\r\n")
    server.close()
    await server.wait_closed()


async def test_stray_responses_are_ignored(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    lines: list[TraceLine] = []
    bob = await open_phone(user="bob", trace=lines.append)
    wire = await open_wire()
    wire.respond(wire.make("OPTIONS", bob), 200)
    wire.send(Response.make(200, "OK", (("Via", "SIP/2.0/UDP h;branch=z9hG4bKx"), *IDENTITY)), bob)
    wire.send(wire.make("OPTIONS", bob))
    await wire.response(200)
    assert bob._agent.ignored == 1
    assert [line.summary for line in lines] == ["200 OK", f"OPTIONS {bob.uri}", "200 OK"]


IDENTITY = (("From", "<sip:a@h>;tag=a"), ("To", "<sip:b@h>"), ("Call-ID", "c"), ("CSeq", "1 OPTIONS"))


async def test_a_trace_that_raises_does_not_stop_the_rest(open_phone: OpenPhone, open_wire: OpenWire) -> None:
    raised: list[dict] = []

    def trace(line: TraceLine) -> None:
        if line.direction == "->" and not raised:
            raise LookupError("the trace is wrong")

    asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
    bob = await open_phone(user="bob", trace=trace)
    wire = await open_wire()
    wire.send(wire.make("OPTIONS", bob), bob)
    wire.send(wire.make("OPTIONS", bob, branch="z9hG4bKtwo", call_id="two"))
    assert (await wire.response(200)).call_id == "two"
    assert [str(context["exception"]) for context in raised] == ["the trace is wrong"]


async def test_nothing_is_left_of_calls_that_have_ended(open_phone: OpenPhone) -> None:
    bob = await open_phone("tcp:127.0.0.1:0", user="bob", behaviour=NoAnswer())
    alice = await open_phone("tcp:127.0.0.1:0")
    call = alice.call(bob.uri)
    await call.wait_for(180, TIMEOUT_S)
    call.cancel()
    await call.final(TIMEOUT_S)
    async with asyncio.timeout(TIMEOUT_S):
        await bob.received[0].ended.wait()
    probe = alice.call(bob.uri)
    await probe.wait_for(180, TIMEOUT_S)
    assert len(bob._dialogs) == 1  # of the probe
    assert (len(bob._legs), len(bob._agent._servers)) == (1, 1)
    assert len(alice._agent) == len(alice._agent._clients) == 1
