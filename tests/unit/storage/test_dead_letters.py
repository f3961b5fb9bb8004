"""What every store of dead letters promises, and what SQLite adds: it remembers."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from strowger.calls.dead_letters import DeadLetter, Kept
from strowger.calls.errors import StoreUnavailable
from tests.support.storage import a_commit, an_event, change, commit, open_sqlite

pytestmark = pytest.mark.asyncio


def letter(number: int, subscription: str = "dev/app") -> DeadLetter:
    entry = an_event(f"e{number}", subscription, outlives_hop=number == 1)
    tried = msgspec.structs.replace(entry, attempts=number, last_attempt_at=1_400.5, last_outcome="Busy")
    return DeadLetter(f"l{number}", tried, "TimeToLiveExceeded", "its time is over", 1_500.0 + number)


ONE, TWO, THREE = letter(1), letter(2), letter(3, "dev/other")


def burying(store, *letters):
    return [partial(store.dead_letters.bury, each) for each in letters]


async def test_a_letter_takes_the_place_of_its_entry(store):
    await commit(store, a_commit("a1b2-1", events=(ONE.entry, TWO.entry)))
    assert await change(*burying(store, ONE)) == [None]
    assert store.pending_events() == [TWO.entry]
    assert store.dead_letters.find("l1") == ONE
    assert store.dead_letters.find("l2") is None


async def test_an_entry_that_is_gone_already_can_be_buried(store):
    assert await change(*burying(store, ONE, TWO)) == [None, None]
    assert store.dead_letters.kept() == [Kept("l1", len(ONE.entry.body), 1_501.0), Kept("l2", 11, 1_502.0)]


async def test_the_newest_come_first_of_all_or_of_one_subscription(store):
    await change(*burying(store, ONE, TWO, THREE))
    newest = store.dead_letters.newest
    assert newest(9) == [THREE, TWO, ONE]
    assert newest(2) == [THREE, TWO]
    assert newest(9, "dev/app") == [TWO, ONE]
    assert newest(0) == newest(-1) == newest(9, "dev/none") == []


async def test_a_revived_entry_takes_the_place_of_its_letter(store):
    await change(*burying(store, ONE, TWO))
    again = an_event("e1", expires_at=9_000.0)
    assert await change(partial(store.dead_letters.revive, "l1", again)) == [None]
    assert store.pending_events() == [again]
    assert store.dead_letters.newest(9) == [TWO]


async def test_what_is_forgotten_is_gone_known_or_not(store):
    await change(*burying(store, ONE, TWO, THREE))
    assert await change(partial(store.dead_letters.forget, ["l1", "l3", "l9"])) == [None]
    assert store.dead_letters.newest(9) == [TWO]


async def test_done_is_never_called_before_the_method_returned(store):
    answers: list[object] = []
    store.dead_letters.bury(ONE, answers.append)
    store.dead_letters.revive("l1", an_event("e1"), answers.append)
    store.dead_letters.forget(["l1"], answers.append)
    assert answers == []
    await change(*burying(store, TWO))
    assert answers == [None] * 3


async def test_a_store_that_is_closed_takes_nothing(store):
    store.close()
    forgetting = partial(store.dead_letters.forget, ["l1"])
    reviving = partial(store.dead_letters.revive, "l1", an_event("e1"))
    errors = await change(*burying(store, ONE), forgetting, reviving)
    assert all(isinstance(error, StoreUnavailable) for error in errors)


async def test_a_restart_forgets_nothing(tmp_path):
    first = open_sqlite(tmp_path)
    first.dead_letters.bury(ONE, lambda error: None)
    first.close()
    second = open_sqlite(tmp_path)
    assert second.dead_letters.newest(9) == [ONE]
    second.close()
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        second.dead_letters.kept()
