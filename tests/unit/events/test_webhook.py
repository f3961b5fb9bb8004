"""One POST, against a real server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from ipaddress import ip_network

import pytest
import pytest_asyncio
from aiohttp import web

from strowger.base.clock import SystemClock
from strowger.events.address_policy import AddressPolicy
from strowger.events.errors import SubscriptionInvalid, Unanswered
from strowger.events.outcome import Outcome
from strowger.events.subscription import Subscription
from strowger.events.webhook import ANSWER_BYTES, Target, WebhookClient
from strowger.tls import create_dev_ca, server_context

ANYWHERE = AddressPolicy(allows_all=True)
pytestmark = pytest.mark.asyncio
HEADERS = {"Content-Type": "application/json; charset=utf-8", "aeg-event-type": "Notification"}


@pytest_asyncio.fixture
async def client():
    client = WebhookClient(ANYWHERE)
    await client.open()
    yield client
    await client.close()


def target(url: str, timeout_s: float = 5.0) -> Target:
    return Target(Subscription("dev", "my-app", url, "/t"), timeout_s)


async def test_what_is_sent(client, receiver, scripted, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    receiver.answer = scripted(202)
    assert (await client.post(target(receiver.url), HEADERS, b"[]")).status == 202
    (received,) = receiver.received
    assert received.path == "/api/incomingCall?code=a%2Fb=="
    assert received.body == b"[]"
    assert received.headers == {
        "Host": f"127.0.0.1:{receiver.port}",
        "Content-Type": "application/json; charset=utf-8",
        "aeg-event-type": "Notification",
        "Content-Length": "2",
    }


async def test_the_body_is_read_only_when_asked_for(client, receiver):
    async def answer(received):
        return web.Response(body=b"x" * ANSWER_BYTES)

    receiver.answer = answer
    assert (await client.post(target(receiver.url), HEADERS, b"[]")).body == b""
    assert (await client.post(target(receiver.url), HEADERS, b"[]", read=True)).body == b"x" * ANSWER_BYTES


async def test_a_body_that_is_too_long(client, receiver):
    async def answer(received):
        return web.Response(body=b"x" * (ANSWER_BYTES + 1))

    receiver.answer = answer
    with pytest.raises(Unanswered, match="longer than 65536 bytes"):
        await client.post(target(receiver.url), HEADERS, b"[]", read=True)
    assert (await client.post(target(receiver.url), HEADERS, b"[]")).status == 200


async def test_another_method_and_the_headers_of_the_answer(client, receiver):
    async def answer(received):
        return web.Response(headers={"WebHook-Allowed-Origin": "*"})

    receiver.answer = answer
    asking = Target(Subscription("dev", "my-app", receiver.url, "/t"), 5.0, method="OPTIONS")
    for read in (False, True):
        assert (await client.post(asking, {"A": "1"}, b"", read=read)).headers["webhook-allowed-origin"] == "*"
    assert [each.method for each in receiver.received] == ["OPTIONS", "OPTIONS"]


async def test_redirects_are_not_followed(client, receiver):
    async def answer(received):
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    receiver.answer = answer
    assert (await client.post(target(receiver.url), HEADERS, b"[]")).status == 302
    assert len(receiver.received) == 1


async def test_cookies_are_not_kept(client, receiver):
    async def answer(received):
        return web.Response(headers={"Set-Cookie": "a=b"})

    receiver.answer = answer
    for _ in range(2):
        await client.post(target(receiver.url.replace("127.0.0.1", "localhost")), HEADERS, b"[]")
    assert "Cookie" not in receiver.received[1].headers


async def test_the_connection_is_used_again(client, receiver):
    for _ in range(3):
        await client.post(target(receiver.url), HEADERS, b"[]")
    assert client._connector is not None
    assert sum(len(kept) for kept in client._connector._conns.values()) == 1


async def test_nobody_listens(client, receiver):
    await receiver.stop()
    with pytest.raises(Unanswered, match="cannot connect") as caught:
        await client.post(target(receiver.url), HEADERS, b"[]")
    assert caught.value.outcome is Outcome.SOCKET_ERROR


async def test_a_name_that_leads_nowhere(client):
    with pytest.raises(Unanswered, match="cannot connect") as caught:
        await client.post(target("http://nobody.invalid:9/"), HEADERS, b"[]")
    assert caught.value.outcome is Outcome.RESOLUTION_ERROR


async def test_nobody_answers(client, receiver):
    release = asyncio.Event()

    async def answer(received):
        await release.wait()
        return web.Response()

    receiver.answer = answer
    with pytest.raises(Unanswered, match=r"no answer within 0\.05 s") as caught:
        await client.post(target(receiver.url, 0.05), HEADERS, b"[]")
    assert caught.value.outcome is Outcome.TIMED_OUT
    release.set()


@contextlib.asynccontextmanager
async def raw_server(answer: bytes, *, hold: asyncio.Event | None = None):
    async def serve(reader, writer):
        await reader.readuntil(b"[]")
        writer.write(answer)
        await writer.drain()
        if hold is not None:
            await hold.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        if hold is not None:
            hold.set()
        server.close()


@pytest.mark.parametrize("answer", [b"", b"\x00\xff\x1b[2J\r\n\r\n", b"HTTP/1.1 banana\r\n\r\n", b"SSH-2.0-x\r\n"])
async def test_no_http(client, answer):
    async with raw_server(answer) as url:
        with pytest.raises(Unanswered) as caught:
            await client.post(target(url), HEADERS, b"[]")
    assert str(caught.value).isprintable()


async def test_half_a_body_is_a_status_all_the_same(client):
    async with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf") as url:
        assert (await client.post(target(url), HEADERS, b"[]")).status == 200
        with pytest.raises(Unanswered):
            await client.post(target(url), HEADERS, b"[]", read=True)


async def test_a_body_that_never_ends_is_a_status_all_the_same(client):
    hold = asyncio.Event()
    async with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", hold=hold) as url:
        assert (await client.post(target(url, 0.05), HEADERS, b"[]")).status == 200


async def test_interim_answers_are_skipped(client):
    async with raw_server(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n") as url:
        assert (await client.post(target(url), HEADERS, b"[]")).status == 202


async def test_what_every_post_shares_and_the_user_of_the_endpoint(client, receiver):
    url = receiver.url.replace("http://", "http://ann:p%40ss@")
    shared = Target(Subscription("dev", "my-app", url, "/t"), 5.0, {"A": "1"})
    for number in ("2", "3"):
        await client.post(shared, {"B": number}, b"[]")
    assert [(each.headers["A"], each.headers["B"]) for each in receiver.received] == [("1", "2"), ("1", "3")]
    assert {each.headers["Authorization"] for each in receiver.received} == {"Basic YW5uOnBAc3M="}
    assert {each.path for each in receiver.received} == {"/api/incomingCall?code=a%2Fb=="}


async def test_a_closed_client_answers_nothing():
    client = WebhookClient(ANYWHERE)
    with pytest.raises(Unanswered, match="stopping"):
        await client.post(target("http://127.0.0.1:9/"), HEADERS, b"[]")
    await client.close()


@contextlib.asynccontextmanager
async def resolving_client(monkeypatch, policy: AddressPolicy, *answers: list[str]):
    """A client for which app.example has these addresses, one list after the other."""
    left = list(answers)

    def getaddrinfo(host, port, *_, **__):
        assert host == "app.example"
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    client = WebhookClient(policy)
    await client.open()
    try:
        yield client
    finally:
        await client.close()


def named(receiver) -> Target:
    return target(receiver.url.replace("127.0.0.1", "app.example"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"])
async def test_an_address_is_judged_before_a_packet_is_sent(receiver, host):
    client = WebhookClient(AddressPolicy())
    await client.open()
    try:
        with pytest.raises(Unanswered, match=r"^cannot connect: its address .* loopback: events\.private_net"):
            await client.post(target(receiver.url.replace("127.0.0.1", host)), HEADERS, b"[]")
    finally:
        await client.close()
    assert receiver.received == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ"])
async def test_other_spellings_of_an_address_lead_nowhere(receiver, host):
    client = WebhookClient(AddressPolicy())
    await client.open()
    try:
        with pytest.raises(Unanswered) as caught:
            await client.post(target(receiver.url.replace("127.0.0.1", host)), HEADERS, b"[]")
    finally:
        await client.close()
    assert receiver.received == []
    assert "\x00" not in str(caught.value)


async def test_a_name_is_judged_by_its_addresses(monkeypatch, receiver):
    async with resolving_client(monkeypatch, AddressPolicy(), ["10.0.0.1", "169.254.169.254"]) as client:
        with pytest.raises(Unanswered) as caught:
            await client.post(named(receiver), HEADERS, b"[]")
    assert str(caught.value) == (
        "cannot connect: its address 169.254.169.254 is link-local: "
        "events.private_networks or events.private_targets can allow it"
    )


async def test_the_port_is_judged(monkeypatch):
    async with resolving_client(monkeypatch, AddressPolicy(), ["9.9.9.9"]) as client:
        with pytest.raises(Unanswered, match=r"^cannot connect: its port 22 is for SSH: "):
            await client.post(target("http://app.example:22/"), HEADERS, b"[]")


async def test_of_several_addresses_only_allowed_ones_are_connected_to(monkeypatch, receiver):
    reached = 0

    async def refused(reader, writer):
        nonlocal reached
        reached += 1
        writer.close()

    policy = AddressPolicy(private_networks=(ip_network("127.0.0.1/32"),))
    other = await asyncio.start_server(refused, "127.0.0.2", receiver.port)
    async with other, resolving_client(monkeypatch, policy, ["127.0.0.2", "127.0.0.1"]) as client:
        assert (await client.post(named(receiver), HEADERS, b"[]")).status == 200
    assert (reached, len(receiver.received)) == (0, 1)


async def test_a_name_that_changes_its_address_is_judged_again(monkeypatch, receiver):
    async def answer(received):
        return web.Response(headers={"Connection": "close"})

    receiver.answer = answer
    policy = AddressPolicy(private_networks=(ip_network("127.0.0.1/32"),))
    async with resolving_client(monkeypatch, policy, ["127.0.0.1"], ["127.0.0.2"]) as client:
        assert (await client.post(named(receiver), HEADERS, b"[]")).status == 200
        assert client._connector is not None
        client._connector.clear_dns_cache("app.example", receiver.port)
        with pytest.raises(Unanswered, match=r"its address 127\.0\.0\.2 is loopback"):
            await client.post(named(receiver), HEADERS, b"[]")


async def test_a_host_that_cannot_be_encoded():
    with pytest.raises(SubscriptionInvalid, match="endpoint of dev/my-app"):
        target(f"http://{'ö' * 70}.example/")


async def test_an_endpoint_outside_ascii():
    assert target("http://bücher.example/ö").url.raw_path == "/%C3%B6"


async def test_certificates_are_checked_unless_told_otherwise(client, tmp_path):
    ours = create_dev_ca(tmp_path, now=SystemClock().wall())

    async def take(request: web.BaseRequest) -> web.Response:
        return web.Response()

    runner = web.ServerRunner(web.Server(take), shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(ours.cert, ours.key)).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
    with pytest.raises(Unanswered, match="its certificate is not trusted"):
        await client.post(target(url), HEADERS, b"[]")
    trusting = Target(Subscription("dev", "my-app", url, "/t", verify_tls=False), 5.0)
    assert (await client.post(trusting, HEADERS, b"[]")).status == 200
    await runner.cleanup()
