"""What every store of subscriptions promises, and what SQLite adds: it remembers."""

from __future__ import annotations

from functools import partial

import msgspec
import pytest

from strowger.calls.errors import StoreUnavailable
from strowger.calls.subscriptions import StoredSubscription
from tests.support.storage import change, open_sqlite

ONE = StoredSubscription("one", 2_000.5, False, b'{"name":"one"}')
OURS = StoredSubscription("of-the-settings", 3_000.0, True)


def saving(store, *subscriptions):
    return [partial(store.subscriptions.save, each) for each in subscriptions]


@pytest.mark.asyncio
async def test_they_are_loaded_in_the_order_of_their_first_saving_as_they_were_changed_last(store):
    changed = msgspec.structs.replace(ONE, is_paused=True, document=b"{}", created_at=9_000.0)
    assert await change(*saving(store, ONE, OURS, changed)) == [None] * 3
    assert store.subscriptions.load() == [msgspec.structs.replace(changed, created_at=2_000.5), OURS]


@pytest.mark.asyncio
async def test_what_is_deleted_is_gone_known_or_not(store):
    deleting = [partial(store.subscriptions.delete, each) for each in ("one", "nobody")]
    assert await change(*saving(store, ONE, OURS), *deleting) == [None] * 4
    assert store.subscriptions.load() == [OURS]


@pytest.mark.asyncio
async def test_done_is_never_called_before_the_method_returned(store):
    answers: list[object] = []
    store.subscriptions.save(ONE, answers.append)
    store.subscriptions.delete("one", answers.append)
    assert answers == []
    await change(*saving(store, OURS))
    assert answers == [None, None]


@pytest.mark.asyncio
async def test_a_store_that_is_closed_takes_nothing(store):
    store.close()
    errors = await change(*saving(store, ONE), partial(store.subscriptions.delete, "one"))
    assert all(isinstance(error, StoreUnavailable) for error in errors)


@pytest.mark.asyncio
async def test_a_restart_forgets_nothing(tmp_path):
    first = open_sqlite(tmp_path)
    for each in (ONE, OURS):
        first.subscriptions.save(each, lambda error: None)
    first.close()
    second = open_sqlite(tmp_path)
    assert second.subscriptions.load() == [ONE, OURS]
    second.close()
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        second.subscriptions.load()
