"""What every store of contacts promises (`calls.bindings.BindingStore`), and what SQLite adds: it remembers."""

from __future__ import annotations

import asyncio

import pytest

from strowger.calls.bindings import StoredBindings
from strowger.calls.errors import CallError, StoreUnavailable
from strowger.storage.retention import PRUNE_ROWS
from tests.support.storage import a_commit, commit, open_sqlite

BOB = StoredBindings("8:acs:1_bob", b"\x00contacts", 2_000.0)
ALICE = StoredBindings("8:acs:1_alice", b"contacts", 3_000.0)


async def save(store, *changes: StoredBindings) -> list[CallError | None]:
    """Save without waiting between, and wait for what became of it."""
    loop = asyncio.get_running_loop()
    answers = [loop.create_future() for _ in changes]
    for stored, answer in zip(changes, answers, strict=True):
        store.bindings.save(stored, answer.set_result)
    return await asyncio.gather(*answers)


def kept(store, now=1_000.0):
    return sorted(store.bindings.load(now), key=lambda stored: stored.aor)


@pytest.mark.asyncio
async def test_what_is_saved_is_loaded(store):
    assert await save(store, BOB, ALICE) == [None, None]
    assert kept(store) == [ALICE, BOB]


@pytest.mark.asyncio
async def test_done_is_never_called_before_the_method_returned(store):
    answers: list[CallError | None] = []
    store.bindings.save(BOB, answers.append)
    assert answers == []
    await save(store, ALICE)
    assert answers == [None]


@pytest.mark.asyncio
async def test_the_last_change_of_an_address_holds(store):
    later = StoredBindings(BOB.aor, b"later", 2_500.0)
    await save(store, BOB, StoredBindings(BOB.aor, b"between", 9.0), later)
    assert kept(store) == [later]


@pytest.mark.asyncio
async def test_an_address_without_contacts_is_dropped_known_or_not(store):
    await save(store, BOB, StoredBindings(BOB.aor, b"", 0.0), StoredBindings("nobody", b"", 0.0), ALICE)
    assert kept(store) == [ALICE]


@pytest.mark.asyncio
async def test_what_has_expired_is_not_loaded(store):
    await save(store, BOB, ALICE)
    assert kept(store, 1_999.9) == [ALICE, BOB]
    assert kept(store, 2_000.0) == [ALICE]


@pytest.mark.asyncio
async def test_what_has_expired_is_pruned_however_much_it_is(store):
    many = [StoredBindings(f"user{n}", b"x", 1_500.0) for n in range(2 * PRUNE_ROWS + 7)]
    await save(store, *many, BOB)
    store.bindings.prune(1_500.0)
    store.bindings.prune(1_500.0)
    for _ in range(5):
        await save(store, ALICE)
    assert kept(store, 0.0) == [ALICE, BOB]


@pytest.mark.asyncio
async def test_a_store_that_is_closed_takes_nothing(store):
    store.close()
    (error,) = await save(store, BOB)
    assert isinstance(error, StoreUnavailable)


@pytest.mark.asyncio
async def test_a_restart_forgets_nothing_not_even_what_waited_for_company(tmp_path):
    first = open_sqlite(tmp_path)
    await save(first, BOB)
    first.bindings.save(ALICE, lambda error: None)
    first.close()
    second = open_sqlite(tmp_path)
    assert kept(second) == [ALICE, BOB]
    second.close()


@pytest.mark.asyncio
async def test_a_decision_takes_registrations_along_in_one_transaction(tmp_path):
    store = open_sqlite(tmp_path)
    told = []
    store.bindings.save(BOB, lambda error: told.append("bindings"))
    assert await commit(store, a_commit("abcd-1")) is None
    await asyncio.sleep(0)
    assert told == ["bindings"]
    store.close()


@pytest.mark.asyncio
async def test_a_name_that_cannot_be_stored_fails_alone(tmp_path):
    store = open_sqlite(tmp_path)
    errors = await save(store, BOB, StoredBindings("\ud800", b"x", 2_000.0), ALICE)
    assert [type(error) for error in errors] == [type(None), StoreUnavailable, type(None)]
    assert kept(store) == [ALICE, BOB]
    store.close()


@pytest.mark.asyncio
async def test_no_more_waits_than_may(tmp_path):
    store = open_sqlite(tmp_path, queue_limit=2)
    errors = await save(store, BOB, ALICE, BOB)
    assert [type(error) for error in errors] == [type(None), type(None), StoreUnavailable]
    store.close()


@pytest.mark.asyncio
async def test_a_database_that_cannot_be_read_is_told(tmp_path):
    store = open_sqlite(tmp_path)
    store.close()
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        store.bindings.load(0.0)
