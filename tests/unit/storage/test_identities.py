"""What every store of identities and signing keys promises, and what SQLite adds: it remembers."""

from __future__ import annotations

from functools import partial

import pytest

from strowger.calls.errors import StoreUnavailable
from strowger.calls.identities import Identity
from strowger.calls.signing_keys import StoredKey
from tests.support.storage import change, open_sqlite

BOB = Identity("8:acs:1_bob", "dev", 1_000.5)
ALICE = Identity("8:acs:1_alice", "other", 1_001.0, 17)
FIRST = StoredKey("first", 1_000.5, b"\x00private")
SECOND = StoredKey("second", 1_001.0, b"more private")


def saving(store, *identities):
    return [partial(store.identities.save, each) for each in identities]


def saving_keys(store, *keys):
    return [partial(store.signing_keys.save, each) for each in keys]


@pytest.mark.asyncio
async def test_identities_are_loaded_in_the_order_of_their_saving(store):
    assert await change(*saving(store, BOB, ALICE)) == [None, None]
    assert store.identities.load() == [BOB, ALICE]


@pytest.mark.asyncio
async def test_a_revocation_replaces_the_one_before(store):
    revoked = Identity(BOB.raw_id, BOB.resource, BOB.created_at, 1_700_000_000)
    await change(*saving(store, BOB, ALICE, revoked))
    assert store.identities.load() == [revoked, ALICE]


@pytest.mark.asyncio
async def test_what_is_deleted_is_gone_known_or_not(store):
    changes = [partial(store.identities.delete, each) for each in (BOB.raw_id, "nobody")]
    assert await change(*saving(store, BOB, ALICE), *changes) == [None] * 4
    assert store.identities.load() == [ALICE]


@pytest.mark.asyncio
async def test_done_is_never_called_before_the_method_returned(store):
    answers: list[object] = []
    store.identities.save(BOB, answers.append)
    store.identities.delete(BOB.raw_id, answers.append)
    store.signing_keys.save(FIRST, answers.append)
    store.signing_keys.delete(FIRST.kid, answers.append)
    assert answers == []
    await change(*saving(store, ALICE))
    assert answers == [None] * 4


@pytest.mark.asyncio
async def test_keys_are_loaded_in_the_order_of_their_saving(store):
    assert await change(*saving_keys(store, FIRST, SECOND)) == [None, None]
    assert store.signing_keys.load() == [FIRST, SECOND]


@pytest.mark.asyncio
async def test_no_key_takes_the_place_of_another(store):
    errors = await change(*saving_keys(store, FIRST, StoredKey(FIRST.kid, 2.0, b"other"), SECOND))
    assert [type(error) for error in errors] == [type(None), StoreUnavailable, type(None)]
    assert store.signing_keys.load() == [FIRST, SECOND]


@pytest.mark.asyncio
async def test_a_key_that_is_deleted_is_gone_known_or_not(store):
    changes = [partial(store.signing_keys.delete, each) for each in (FIRST.kid, "none")]
    assert await change(*saving_keys(store, FIRST, SECOND), *changes) == [None] * 4
    assert store.signing_keys.load() == [SECOND]


@pytest.mark.asyncio
async def test_a_store_that_is_closed_takes_nothing(store):
    store.close()
    deleting = [partial(store.identities.delete, "a"), partial(store.signing_keys.delete, "b")]
    errors = await change(*saving(store, BOB), *saving_keys(store, FIRST), *deleting)
    assert all(isinstance(error, StoreUnavailable) for error in errors)


@pytest.mark.asyncio
async def test_a_restart_forgets_nothing_not_even_what_waited_for_company(tmp_path):
    first = open_sqlite(tmp_path)
    await change(*saving(first, BOB), *saving_keys(first, FIRST))
    first.identities.save(ALICE, lambda error: None)
    first.signing_keys.save(SECOND, lambda error: None)
    first.close()
    second = open_sqlite(tmp_path)
    assert (second.identities.load(), second.signing_keys.load()) == ([BOB, ALICE], [FIRST, SECOND])
    second.close()


@pytest.mark.asyncio
async def test_a_database_that_cannot_be_read_is_told(tmp_path):
    store = open_sqlite(tmp_path)
    store.close()
    for kept in (store.identities, store.signing_keys):
        with pytest.raises(StoreUnavailable, match="cannot be read"):
            kept.load()
