"""What every queue of events promises to those who fetch them, and what SQLite adds: it remembers."""

from __future__ import annotations

import asyncio

import pytest

from strowger.calls.errors import StoreUnavailable
from strowger.calls.pull import Acknowledged
from strowger.storage.memory import MemoryStore
from strowger.storage.retention import Retention
from tests.support.storage import a_commit, an_event, commit, open_sqlite, pass_by

APP, OTHER = "dev/app", "dev/other"
NOW = 2_000.0


async def keep(store, *event_ids, subscription=APP, **of_entry):
    events = tuple(an_event(event_id, subscription, **of_entry) for event_id in event_ids)
    assert await commit(store, a_commit(f"call {event_ids} {subscription}", events=events)) is None


async def acknowledge(store, subscription=APP, **what):
    answer = asyncio.get_running_loop().create_future()
    store.pull.acknowledge(subscription, Acknowledged(**what), answer.set_result)
    return await answer


async def keep_newest(store, limit):
    answer = asyncio.get_running_loop().create_future()
    store.pull.keep_newest(APP, limit, NOW, answer.set_result)
    return await answer


def numbers(store, after=0, limit=100, now=NOW, subscription=APP):
    return [each.number for each in store.pull.waiting(subscription, after, limit, now)]


@pytest.mark.asyncio
async def test_events_are_read_as_they_were_kept_each_subscription_its_own(store):
    await keep(store, "e1", "e2")
    await keep(store, "e1", subscription=OTHER)
    await keep(store, "e3")
    assert numbers(store) == [1, 2, 4]
    assert [each.entry for each in store.pull.waiting(APP, 0, 2, NOW)] == [an_event("e1"), an_event("e2")]
    assert numbers(store, subscription=OTHER) == [3]
    assert numbers(store, subscription="dev/nobody") == []


@pytest.mark.asyncio
async def test_reading_goes_on_after_a_number_and_takes_no_more_than_asked(store):
    await keep(store, "e1", "e2", "e3", "e4")
    assert numbers(store, after=1, limit=2) == [2, 3]
    assert numbers(store, after=4) == []
    assert numbers(store, after=4_000_000_000_000) == []


@pytest.mark.asyncio
async def test_the_same_event_again_has_its_number_already(store):
    await keep(store, "e1")
    await commit(store, a_commit("another", events=(an_event("e1"), an_event("e2"))))
    assert [each.entry.event_id for each in store.pull.waiting(APP, 0, 9, NOW)] == ["e1", "e2"]
    assert numbers(store)[0] == 1


@pytest.mark.asyncio
async def test_expired_events_are_neither_read_nor_counted(store):
    await keep(store, "e1", expires_at=NOW)
    await keep(store, "e2", expires_at=NOW + 0.5)
    assert numbers(store) == [2]
    assert store.pull.count(APP, NOW) == 1
    assert store.pull.count(APP, NOW + 0.5) == 0


@pytest.mark.asyncio
async def test_a_closed_hop_takes_its_event_from_the_readers(store):
    await commit(store, a_commit("one", events=(an_event("e1"), an_event("e1", OTHER))))
    await commit(store, a_commit("one", 2, events=(an_event("e2"),), withdrawn="e1"))
    assert [each.entry.event_id for each in store.pull.waiting(APP, 0, 9, NOW)] == ["e2"]
    assert numbers(store, subscription=OTHER) == []


@pytest.mark.asyncio
async def test_acknowledging_deletes_up_to_a_number_in_one_subscription(store):
    await keep(store, "e1", "e2")
    await keep(store, "x1", subscription=OTHER)
    await keep(store, "e3")
    assert await acknowledge(store, up_to=3) is None
    assert numbers(store) == [4]
    assert numbers(store, subscription=OTHER) == [3]


@pytest.mark.asyncio
async def test_acknowledging_deletes_the_numbers_named_and_passes_over_others(store):
    await keep(store, "e1", "e2", "e3")
    await keep(store, "x1", subscription=OTHER)
    assert await acknowledge(store, numbers=[3, 1, 4, 77]) is None
    assert numbers(store) == [2]
    assert numbers(store, subscription=OTHER) == [4]
    assert await acknowledge(store, numbers=[1]) is None


@pytest.mark.asyncio
async def test_done_is_never_called_before_the_method_returned(store):
    answers: list[object] = []
    store.pull.acknowledge(APP, Acknowledged(1), answers.append)
    assert answers == []
    await pass_by(store)


@pytest.mark.asyncio
async def test_only_the_newest_are_kept(store):
    await keep(store, "e1", "e2", "e3", "e4")
    await keep(store, "gone", expires_at=NOW)
    await keep(store, "x1", subscription=OTHER)
    assert await keep_newest(store, 4) is None
    assert numbers(store) == [1, 2, 3, 4]
    assert await keep_newest(store, 3) is None
    assert numbers(store) == [2, 3, 4]
    assert await keep_newest(store, 0) is None
    assert numbers(store) == []
    assert numbers(store, subscription=OTHER) == [6]


@pytest.mark.asyncio
async def test_no_number_is_given_twice_not_even_the_greatest(store):
    assert store.pull.last_number() == 0
    await keep(store, "e1", "e2")
    await acknowledge(store, up_to=2)
    store.prune(9_000.0)
    await pass_by(store)
    assert store.pull.last_number() == 2
    await keep(store, "e3")
    assert numbers(store) == [3]
    assert store.pull.last_number() == 3


@pytest.mark.asyncio
async def test_a_closed_store_acknowledges_nothing(store):
    await keep(store, "e1")
    store.close()
    assert isinstance(await acknowledge(store, up_to=1), StoreUnavailable)
    assert isinstance(await keep_newest(store, 0), StoreUnavailable)


@pytest.mark.asyncio
async def test_the_memory_goes_on_from_where_it_is_told():
    store = MemoryStore(asyncio.get_running_loop().call_soon, Retention(), last_event_number=1_764_000_000_000)
    await keep(store, "e1")
    assert numbers(store) == [1_764_000_000_001]


@pytest.mark.asyncio
async def test_numbers_survive_a_restart_and_so_does_what_was_acknowledged(tmp_path):
    first = open_sqlite(tmp_path)
    await keep(first, "e1", "e2", "e3")
    await acknowledge(first, numbers=[1, 3])
    first.close()
    second = open_sqlite(tmp_path)
    assert numbers(second) == [2]
    await keep(second, "e4")
    assert numbers(second) == [2, 4]
    second.close()


@pytest.mark.asyncio
async def test_a_closed_database_is_said_to_be(tmp_path):
    store = open_sqlite(tmp_path)
    store.close()
    with pytest.raises(StoreUnavailable):
        store.pull.waiting(APP, 0, 1, NOW)
    with pytest.raises(StoreUnavailable):
        store.pull.count(APP, NOW)
    with pytest.raises(StoreUnavailable):
        store.pull.last_number()
