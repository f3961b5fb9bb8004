"""Events that were given up: their bounds at their edges, and a store that fails."""

from __future__ import annotations

import asyncio

import pytest

from strowger.base.clock import VirtualClock
from strowger.base.ids import SeededIds
from strowger.calls.errors import StoreUnavailable
from strowger.calls.ports import OutboxEntry
from strowger.events.dead_letters import DeadLetterLimits, DeadLetters, DeadReason

pytestmark = pytest.mark.asyncio

LIMITS = DeadLetterLimits(letters=3, octets=40, kept_for_s=100.0)


def entry(event_id: str, body: bytes = b"{}") -> OutboxEntry:
    return OutboxEntry(event_id, "dev/a", "call", body, 1.0, 2.0, attempts=3, last_attempt_at=1.5, last_outcome="Busy")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(wall=1_000.0)


@pytest.fixture
def letters(store, clock) -> DeadLetters:
    return DeadLetters(store, clock, SeededIds(), LIMITS)


def bury(letters: DeadLetters, *entries: OutboxEntry, reason: DeadReason = DeadReason.EXPIRED) -> None:
    for each in entries:
        letters.bury(each, reason, "too late")


def event_ids(letters: DeadLetters) -> list[str]:
    return [each.entry.event_id for each in letters.newest(99)]


async def settle() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_what_is_kept_of_an_event(store, letters):
    bury(letters, entry("e1"), reason=DeadReason.REFUSED)
    (letter,) = store.letters
    assert (letter.entry, letter.reason, letter.why, letter.died_at) == (
        entry("e1"), "EndpointRefused", "too late", 1_000.0,
    )  # fmt: skip
    assert letters.buried == {DeadReason.REFUSED: 1}
    assert (len(letters), letters.octets) == (1, 2)


async def test_the_oldest_go_when_there_are_too_many(letters):
    bury(letters, *(entry(f"e{n}") for n in range(3)))
    assert (event_ids(letters), letters.lost) == (["e2", "e1", "e0"], 0)
    bury(letters, entry("e3"))
    assert (event_ids(letters), letters.lost) == (["e3", "e2", "e1"], 1)


async def test_the_oldest_go_when_they_are_too_large(letters):
    bury(letters, entry("e0", b"x" * 20), entry("e1", b"x" * 20))
    assert (event_ids(letters), letters.octets) == (["e1", "e0"], 40)
    bury(letters, entry("e2", b"x"))
    assert (event_ids(letters), letters.octets, letters.lost) == (["e2", "e1"], 21, 1)


async def test_they_go_by_age(letters, clock):
    bury(letters, entry("e0"))
    clock.advance(0.5)
    bury(letters, entry("e1"))
    clock.advance(99.5)
    letters.prune()
    assert event_ids(letters) == ["e1", "e0"]
    clock.advance(0.1)
    letters.prune()
    assert (event_ids(letters), letters.lost, letters.octets) == (["e1"], 0, 2)


async def test_a_letter_is_found_by_a_beginning_that_no_other_has(letters):
    bury(letters, entry("e0"), entry("e1"))
    one, other = (each.letter_id for each in letters.newest(2))
    assert one[:4] != other[:4]
    assert letters.find(one) == letters.find(one[:4]) == letters.newest(1)[0]
    assert letters.find(one[:3]) is letters.find("") is letters.find("none of these") is None


async def test_a_restart_takes_them_in_and_bounds_them(store, clock, letters):
    bury(letters, *(entry(f"e{n}") for n in range(3)))
    again = DeadLetters(store, clock, SeededIds(), DeadLetterLimits(letters=2))
    again.load()
    assert (len(again), event_ids(again)) == (2, ["e2", "e1"])


async def test_one_is_forgotten(letters):
    bury(letters, entry("e0"), entry("e1"))
    await letters.forget(letters.newest(1)[0].letter_id)
    assert (event_ids(letters), letters.octets) == (["e0"], 2)


async def test_one_is_sent_again_as_if_it_happened_now(letters):
    bury(letters, entry("e0"))
    (letter,) = letters.newest(1)
    again = letters.again(letter, b"other", 60.0)
    assert again == OutboxEntry("e0", "dev/a", "call", b"other", 1_000.0, 1_060.0, outlives_hop=True)
    await letters.revive(letter, again)
    assert (len(letters), letters.octets, event_ids(letters)) == (0, 0, [])


@pytest.mark.parametrize("error", [None, StoreUnavailable("the disk is full")])
async def test_one_that_somebody_sends_again_just_now_is_nobody_elses(store, letters, monkeypatch, error):
    bury(letters, entry("e1"))
    (letter,) = store.letters
    written = []
    monkeypatch.setattr(store, "revive", lambda letter_id, entry, done: written.append(done))
    sending = asyncio.create_task(letters.revive(letter, letters.again(letter, b"{}", 10.0)))
    await settle()
    assert letters.find(letter.letter_id) is None
    written[0](error)
    assert (await asyncio.gather(sending, return_exceptions=True)) == [error]
    assert len(letters) == (error is not None)
    assert (letters.find(letter.letter_id) == letter) == (error is not None)


async def test_what_the_store_refuses_is_offered_again(store, letters):
    store.refuses = True
    bury(letters, entry("e0"))
    await settle()
    letters.prune()
    await settle()
    assert (len(letters), event_ids(letters)) == (1, [])
    store.refuses = False
    letters.prune()
    await settle()
    assert event_ids(letters) == ["e0"]
    letters.prune()
    assert event_ids(letters) == ["e0"]


async def test_what_the_store_would_not_forget_is_forgotten_later(store, letters):
    bury(letters, *(entry(f"e{n}") for n in range(3)))
    store.refuses = True
    bury(letters, entry("e3"))
    await settle()
    store.refuses = False
    letters.prune()
    await settle()
    assert (event_ids(letters), letters.lost) == (["e3", "e2", "e1"], 1)
    assert not letters._unforgotten
    assert not letters._unburied


async def test_a_change_that_somebody_waits_for_fails_aloud(store, letters):
    bury(letters, entry("e0"))
    (letter,) = letters.newest(1)
    store.refuses = True
    with pytest.raises(StoreUnavailable):
        await letters.forget(letter.letter_id)
    with pytest.raises(StoreUnavailable):
        await letters.revive(letter, entry("e0"))
    assert len(letters) == 1
