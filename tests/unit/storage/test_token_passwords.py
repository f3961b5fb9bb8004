"""What every store of token passwords promises, and what SQLite adds: it remembers."""

from __future__ import annotations

from functools import partial

import pytest

from strowger.calls.errors import StoreUnavailable
from strowger.calls.token_passwords import StoredPassword
from tests.support.storage import change, open_sqlite

ONE = StoredPassword("aa", "8:acs:1_bob", 0, 2_000.5, b"\x00hashes")
TWO = StoredPassword("bb", "8:acs:1_bob", 1_700_000_000, 3_000.0, b"more")


def saving(store, *passwords):
    return [partial(store.token_passwords.save, each) for each in passwords]


@pytest.mark.asyncio
async def test_they_are_loaded_in_the_order_of_their_saving_and_each_once(store):
    assert await change(*saving(store, ONE, TWO, ONE)) == [None] * 3
    assert store.token_passwords.load() == [ONE, TWO]


@pytest.mark.asyncio
async def test_what_is_deleted_is_gone_known_or_not(store):
    deleting = [partial(store.token_passwords.delete, each) for each in ("aa", "cc")]
    assert await change(*saving(store, ONE, TWO), *deleting) == [None] * 4
    assert store.token_passwords.load() == [TWO]


@pytest.mark.asyncio
async def test_done_is_never_called_before_the_method_returned(store):
    answers: list[object] = []
    store.token_passwords.save(ONE, answers.append)
    store.token_passwords.delete("aa", answers.append)
    assert answers == []
    await change(*saving(store, TWO))
    assert answers == [None, None]


@pytest.mark.asyncio
async def test_a_store_that_is_closed_takes_nothing(store):
    store.close()
    errors = await change(*saving(store, ONE), partial(store.token_passwords.delete, "aa"))
    assert all(isinstance(error, StoreUnavailable) for error in errors)


@pytest.mark.asyncio
async def test_a_restart_forgets_nothing(tmp_path):
    first = open_sqlite(tmp_path)
    first.token_passwords.save(ONE, lambda error: None)
    first.close()
    second = open_sqlite(tmp_path)
    assert second.token_passwords.load() == [ONE]
    second.close()
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        second.token_passwords.load()
