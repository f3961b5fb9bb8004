"""Shaking hands with endpoints, against a real server on loopback."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from structlog.testing import capture_logs

from strowger.base.clock import VirtualClock
from strowger.base.ids import SeededIds
from strowger.events import signature
from strowger.events.address_policy import AddressPolicy
from strowger.events.delivery_headers import Header
from strowger.events.filters import EventFilter
from strowger.events.handshake import POLICIES, State
from strowger.events.retry import Profile
from strowger.events.subscription import Schema, Subscription
from strowger.events.validation import Validation
from strowger.events.webhook import WebhookClient

pytestmark = pytest.mark.asyncio


class Bench:
    """A validation of one subscription under a clock that stands still."""

    def __init__(
        self,
        client: WebhookClient,
        endpoint: str,
        profile: Profile = Profile.TELEPHONY,
        schema: Schema = Schema.EVENT_GRID,
        **more: Any,
    ) -> None:
        self.clock = VirtualClock()
        self.settled: list[tuple[str, bool]] = []
        subscription = Subscription("dev", "my-app", endpoint, "/t", profile=profile, schema=schema, **more)
        self.validation = Validation(
            POLICIES,
            client,
            self.clock,
            SeededIds(1),
            lambda code: f"https://localhost:7444/validate?code={code}",
            self._settled,
        )
        self.validation.add(subscription)

    def _settled(self, subscription: Subscription, *, is_valid: bool) -> None:
        self.settled.append((subscription.key, is_valid))

    async def turn(self) -> list[str]:
        """Ask whoever is due now."""
        due = self.validation.advance(self.clock.monotonic())
        for asked in due:
            await self.validation.ask(asked)
        return [asked.subscription.key for asked in due]

    @property
    def state(self) -> tuple[State, str]:
        return self.validation.states()["dev/my-app"]


@pytest_asyncio.fixture
async def client():
    client = WebhookClient(AddressPolicy(allows_all=True))
    await client.open()
    yield client
    await client.close()


async def test_what_an_endpoint_is_asked(client, receiver):
    bench = Bench(client, receiver.url)
    assert await bench.turn() == ["dev/my-app"]
    (received,) = receiver.received
    event = received.event
    assert received.headers["aeg-event-type"] == "SubscriptionValidation"
    assert received.headers["aeg-subscription-name"] == "MY-APP"
    assert event["eventTime"] == "2026-01-01T00:00:00.0000000Z"
    code = event["data"]["validationCode"]
    assert event["data"]["validationUrl"] == f"https://localhost:7444/validate?code={code}"
    assert bench.state == (State.VALID, "echoed the code")
    assert bench.settled == [("dev/my-app", True)]
    assert bench.validation.next_deadline() is None


async def test_the_validation_event_is_signed_like_any_other(client, receiver):
    secret = b"twenty-four octets or so"
    await Bench(client, receiver.url, signing_secrets=(secret,)).turn()
    (received,) = receiver.received
    wall = VirtualClock().wall()
    signed = {name: value for name, value in received.headers.items() if name.startswith("webhook-")}
    assert signed == signature.headers([secret], received.event["id"], wall, received.body)
    assert len(signed) == 3


async def test_every_change_is_told_once(client, receiver):
    await receiver.stop()
    bench = Bench(client, receiver.url)
    with capture_logs() as lines:
        for _ in range(3):
            await bench.turn()
            bench.clock.advance(5.0)
        await receiver.start()
        await bench.turn()
        await bench.turn()
    assert [line["event"] for line in lines] == ["subscription pending", "subscription valid"]
    assert lines[0]["log_level"] == "warning"
    assert lines[0]["advice"].startswith("start the application")
    assert lines[0]["why"].startswith("cannot connect")
    assert lines[0]["endpoint"] == f"http://127.0.0.1:{receiver.port}/api/incomingCall"


async def test_the_url_is_told_to_the_person_who_must_open_it(client, receiver):
    async def answer(received):
        return web.Response(text="OK")

    receiver.answer = answer
    bench = Bench(client, receiver.url)
    with capture_logs() as lines:
        await bench.turn()
    code = receiver.received[0].event["data"]["validationCode"]
    assert lines[0]["event"] == "subscription awaiting manual action"
    assert lines[0]["advice"].endswith(f"https://localhost:7444/validate?code={code}")
    assert not bench.validation.confirm("another")
    assert bench.validation.confirm(code)
    assert bench.settled == [("dev/my-app", True)]


async def test_the_event_grid_profile_fails_in_the_end(client, receiver):
    await receiver.stop()
    bench = Bench(client, receiver.url, Profile.EVENT_GRID)
    await bench.turn()
    bench.clock.advance(5.0)
    await bench.turn()
    assert bench.state[0] is State.FAILED
    assert bench.settled == [("dev/my-app", False)]
    assert await bench.turn() == []


async def test_the_event_grid_profile_fails_when_nobody_opens_the_url(client, receiver):
    async def answer(received):
        return web.Response(text="OK")

    receiver.answer = answer
    bench = Bench(client, receiver.url, Profile.EVENT_GRID)
    await bench.turn()
    bench.clock.advance(600.0)
    assert await bench.turn() == []
    assert bench.settled == [("dev/my-app", False)]


async def test_an_attempt_that_is_cut_off_is_made_again(client, receiver):
    asked = asyncio.Event()

    async def answer(received):
        asked.set()
        await asyncio.Event().wait()
        return web.Response()

    receiver.answer = answer
    bench = Bench(client, receiver.url)
    (due,) = bench.validation.advance(0.0)
    task = asyncio.create_task(bench.validation.ask(due))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert bench.state == (State.PENDING, "cut off")
    assert bench.validation.next_deadline() == 1.0


async def test_what_an_endpoint_that_takes_cloud_events_is_asked(client, receiver):
    bench = Bench(client, receiver.url, schema=Schema.CLOUD_EVENTS)
    assert await bench.turn() == ["dev/my-app"]
    (received,) = receiver.received
    callback = received.headers.pop("WebHook-Request-Callback")
    assert callback.startswith("https://localhost:7444/validate?code=")
    assert (received.method, received.path, received.body) == ("OPTIONS", "/api/incomingCall?code=a%2Fb==", b"")
    assert received.headers == {
        "Host": f"127.0.0.1:{receiver.port}",
        "WebHook-Request-Origin": "eventgrid.azure.net",
        "Content-Length": "0",
    }
    assert bench.state == (State.VALID, "allowed our origin")
    assert bench.settled == [("dev/my-app", True)]


@pytest.mark.parametrize(
    ("status", "allowed", "state", "detail"),
    [
        (405, "*", State.VALID, "allowed our origin"),
        (200, "", State.AWAITING_MANUAL, "answered 200 to OPTIONS without allowing our origin"),
        (204, "example.com", State.AWAITING_MANUAL, "answered 204 to OPTIONS without allowing our origin"),
        (405, "", State.PENDING, "answered 405 to OPTIONS instead of allowing our origin"),
    ],
)
async def test_only_the_header_of_cloud_events_is_consent(client, receiver, status, allowed, state, detail):
    async def answer(received):
        return web.Response(status=status, headers={"webhook-allowed-origin": allowed})

    receiver.answer = answer
    bench = Bench(client, receiver.url, schema=Schema.CLOUD_EVENTS)
    await bench.turn()
    assert bench.state == (state, detail)


@pytest.mark.parametrize(("allowed", "rate"), [("120", 120), ("*", 0), ("soon", 0)])
async def test_the_rate_that_an_endpoint_allows(client, receiver, allowed, rate):
    async def answer(received):
        return web.Response(headers={"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": allowed})

    receiver.answer = answer
    bench = Bench(client, receiver.url, schema=Schema.CLOUD_EVENTS)
    assert bench.validation.allowed_rate("dev/my-app") == 0
    await bench.turn()
    assert bench.validation.allowed_rate("dev/my-app") == rate


async def test_an_endpoint_that_takes_cloud_events_consents_by_the_callback(client, receiver):
    async def answer(received):
        return web.Response(status=405)

    receiver.answer = answer
    bench = Bench(client, receiver.url, schema=Schema.CLOUD_EVENTS)
    await bench.turn()
    code = receiver.received[0].headers["WebHook-Request-Callback"].partition("code=")[2]
    assert bench.validation.confirm(code)
    assert bench.settled == [("dev/my-app", True)]


@pytest.mark.parametrize("schema", Schema)
async def test_headers_of_the_operator_go_with_the_handshake(client, receiver, schema):
    bench = Bench(client, receiver.url, schema=schema, headers=(Header("X-Key", "s3cret"),))
    await bench.turn()
    assert receiver.received[0].headers["X-Key"] == "s3cret"
    assert bench.state[0] is State.VALID


async def test_an_answer_to_what_was_removed_or_begun_anew_is_for_nothing(client, receiver):
    bench = Bench(client, receiver.url)
    (before,) = bench.validation.advance(0.0)
    bench.validation.add(before.subscription)
    assert bench.state == (State.PENDING, "")
    await bench.validation.ask(before)
    assert (bench.state, bench.settled) == ((State.PENDING, ""), [])
    assert await bench.turn() == ["dev/my-app"]
    assert (bench.state, bench.settled) == ((State.VALID, "echoed the code"), [("dev/my-app", True)])
    first, second = (received.event["data"]["validationCode"] for received in receiver.received)
    assert first != second
    assert not bench.validation.confirm(first)

    bench.validation.add(before.subscription)
    (after,) = bench.validation.advance(0.0)
    assert bench.validation.remove("dev/my-app") is State.VALIDATING
    await bench.validation.ask(after)
    assert (bench.validation.states(), bench.settled) == ({}, [("dev/my-app", True)])
    assert bench.validation.next_deadline() is None
    assert bench.validation.remove("dev/my-app") is None


async def test_where_consent_can_be_given_by_hand(client, receiver):
    bench = Bench(client, receiver.url)
    (asked,) = bench.validation.advance(0.0)
    url = f"https://localhost:7444/validate?code={asked.handshake.code}"
    assert bench.validation.manual_url("dev/my-app") == url
    await bench.validation.ask(asked)
    assert bench.validation.manual_url("dev/my-app") == ""
    assert bench.validation.state("dev/my-app") is State.VALID


async def test_a_change_that_the_endpoint_cannot_see_leaves_its_handshake(client, receiver):
    bench = Bench(client, receiver.url)
    (asked,) = bench.validation.advance(0.0)
    changed = dataclasses.replace(asked.subscription, filter=EventFilter(subject_begins_with="/caller/4:"))
    bench.validation.replace(changed)
    await bench.validation.ask(asked)
    assert (bench.state[0], asked.subscription) == (State.VALID, changed)
