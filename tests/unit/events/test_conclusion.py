"""What became of events in the end."""

from __future__ import annotations

import msgspec
import pytest
from structlog.testing import capture_logs

from strowger.base.clock import VirtualClock
from strowger.base.ids import SeededIds
from strowger.calls.ports import OutboxEntry
from strowger.events.conclusion import Conclusions
from strowger.events.dead_letters import DeadLetterLimits, DeadLetters, DeadReason
from strowger.events.outbox import Delivery, Outbox, OutboxLimits
from strowger.events.retry import Reason

pytestmark = pytest.mark.asyncio

ENTRY = OutboxEntry("e1", "dev/a", "call", b"{}", 1.0, 2.0)
TRIED = msgspec.structs.replace(ENTRY, attempts=3, last_attempt_at=1.5, last_outcome="Busy")


@pytest.fixture
def conclusions(store) -> Conclusions:
    clock = VirtualClock()
    return Conclusions(store, DeadLetters(store, clock, SeededIds(), DeadLetterLimits()), clock)


def delivery(entry: OutboxEntry = TRIED) -> Delivery:
    box = Outbox(OutboxLimits())
    box.add_lane("dev/a")
    box.open("dev/a")
    box.add(entry, 30.0)
    ((started,),) = box.start()
    return started


def kept(store) -> list[tuple[str, str, str]]:
    return [(each.reason, each.entry.last_outcome, each.why) for each in store.letters]


async def test_a_delivered_event_leaves_the_store(conclusions, store):
    conclusions.delivered(delivery())
    assert (store.done, store.letters, conclusions.counters.delivered) == ([TRIED], [], 1)


async def test_a_delivered_event_that_was_withdrawn_has_left_it(conclusions, store):
    withdrawn = delivery()
    withdrawn.withdrawn = True
    conclusions.delivered(withdrawn)
    assert (store.done, conclusions.counters.delivered) == ([], 1)


@pytest.mark.parametrize(
    ("reason", "word", "counted"),
    [
        (Reason.REFUSED, "EndpointRefused", (1, 0)),
        (Reason.EXHAUSTED, "MaxDeliveryAttemptsExceeded", (1, 0)),
        (Reason.EXPIRED, "TimeToLiveExceeded", (0, 1)),
    ],
)
async def test_an_event_that_is_given_up_is_kept_with_its_reason(conclusions, store, reason, word, counted):
    conclusions.given_up(delivery(), reason, "answered 503")
    assert kept(store) == [(word, "Busy", "answered 503")]
    assert (conclusions.counters.failed, conclusions.counters.expired) == counted


async def test_nothing_is_kept_of_a_call_that_was_settled_without_its_event(conclusions, store):
    withdrawn = delivery()
    withdrawn.withdrawn = True
    conclusions.given_up(withdrawn, Reason.REFUSED, "answered 400")
    assert (store.letters, conclusions.counters.failed) == ([], 0)


async def test_an_event_whose_time_is_over_while_it_waits(conclusions, store):
    conclusions.expired(TRIED)
    conclusions.expired(ENTRY)
    assert kept(store) == [
        ("TimeToLiveExceeded", "Busy", "tried 3 times, the last time: Busy"),
        (
            "TimeToLiveExceeded",
            "NotTried",
            "never tried: its subscription had not consented, was paused or had too much to do",
        ),
    ]
    assert conclusions.counters.expired == 2


async def test_dropped_events_are_told_in_one_line(conclusions, store):
    with capture_logs() as lines:
        conclusions.dropped(ENTRY, DeadReason.CROWDED_OUT, "too many events wait")
        conclusions.dropped(TRIED, DeadReason.UNSUBSCRIBED, "its subscription was removed")
    assert kept(store) == [
        ("TooManyWaiting", "NotTried", "too many events wait"),
        ("SubscriptionGone", "Busy", "its subscription was removed"),
    ]
    assert [(line["event"], line["why"]) for line in lines] == [("event dropped", "too many events wait")]
    assert conclusions.counters.dropped == 2
