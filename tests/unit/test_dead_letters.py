"""Dead letters of a server whose delivery is not started, as the admin API shows them."""

from __future__ import annotations

import asyncio
import json

import pytest

from strowger.base.clock import VirtualClock
from strowger.base.ids import SeededIds
from strowger.calls.ports import OutboxEntry
from strowger.console.errors import BodyInvalid, Conflict, NotThere
from strowger.dead_letters import DeadLetterOffice
from strowger.events import schema
from strowger.events.dead_letters import DeadLetterLimits, DeadLetters, DeadReason
from strowger.events.delivery import EventDelivery
from strowger.events.subscription import Subscription
from strowger.storage.memory import MemoryStore
from strowger.storage.retention import Retention

pytestmark = pytest.mark.asyncio

EVENT = schema.subscription_validation("e-1", "/t", "c0de", "https://localhost/", 0.0)


class Bench:
    def __init__(self) -> None:
        self.store = MemoryStore(asyncio.get_running_loop().call_soon, Retention())
        clock, ids = VirtualClock(), SeededIds()
        self.letters = DeadLetters(self.store.dead_letters, clock, ids, DeadLetterLimits())
        app = Subscription("dev", "app", "https://app.example/", "/t")
        self.delivery = EventDelivery(
            [app], self.store, clock, ids, fetched=self.store.pull, dead_letters=self.letters,
            validation_url="/?code={}".format,
        )
        self.office = DeadLetterOffice(self.delivery, 1_000)
        wall = clock.wall()
        for attempts in (0, 2):
            entry = OutboxEntry(
                f"e-{attempts}", "dev/app", "call", EVENT, wall, wall + 30.0,
                attempts=attempts, last_attempt_at=wall + 0.5 if attempts else 0.0, last_outcome="Busy",
            )  # fmt: skip
            self.letters.bury(entry, DeadReason.EXPIRED, "answered 503")

    @property
    def ids(self) -> list[str]:
        return [each.letter_id for each in self.office.newest(99, "").dead_letters]


async def test_what_is_shown():
    bench = Bench()
    shown = bench.office.newest(1, "")
    assert shown.kept == 2
    (letter,) = shown.dead_letters
    assert (letter.event_id, letter.event_type) == ("e-2", "Microsoft.EventGrid.SubscriptionValidationEvent")
    told = letter.dead_letter_reason, letter.why, letter.delivery_attempts
    assert told == ("TimeToLiveExceeded", "answered 503", 2)
    assert (letter.publish_time, letter.last_delivery_attempt_time, letter.last_delivery_outcome) == (
        "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.500Z", "Busy",
    )  # fmt: skip
    assert bench.office.newest(9, "dev/app").dead_letters[1].last_delivery_attempt_time is None
    assert bench.office.newest(9, "dev/other").dead_letters == ()
    whole = bench.office.one(letter.letter_id[:8])
    assert (whole.letter, bytes(whole.event)) == (letter, EVENT)


async def test_one_is_sent_again():
    bench = Bench()
    newest, _ = bench.ids
    gone = await bench.office.resend(newest, json.loads(EVENT) | {"subject": "other"})
    assert (gone.letter_id, gone.event_id, gone.is_resent) == (newest, "e-2", True)
    assert newest not in bench.ids
    assert bench.delivery.pending() == 1
    (entry,) = bench.store.pending_events()
    assert json.loads(entry.body)["subject"] == "other"


async def test_one_is_forgotten():
    bench = Bench()
    newest, oldest = bench.ids
    gone = await bench.office.remove(newest[:8])
    assert (gone.letter_id, gone.is_resent, bench.ids) == (newest, False, [oldest])


async def test_what_is_refused_changes_nothing():
    bench = Bench()
    before = bench.ids
    with pytest.raises(NotThere):
        bench.office.one("none of them")
    with pytest.raises(BodyInvalid, match="cannot take the place of the event: subject is missing"):
        await bench.office.resend(before[0], {name: 1 for name in json.loads(EVENT) if name != "subject"})
    bench.delivery.remove("dev/app")
    with pytest.raises(Conflict, match="gone or failed"):
        await bench.office.resend(before[0], None)
    assert bench.ids == before
