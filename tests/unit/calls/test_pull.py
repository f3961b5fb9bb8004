from __future__ import annotations

import msgspec
import pytest

from strowger.calls.ports import OutboxEntry
from strowger.calls.pull import Acknowledged, NumberedEntry, PulledEvent, PullStore
from strowger.storage.pull import MemoryPull

ENTRY = OutboxEntry("e", "dev/app", "call", b"{}", 1.0, 2.0)


def test_nothing_is_acknowledged_unless_it_is_named() -> None:
    assert Acknowledged() == Acknowledged(up_to=0, numbers=())


@pytest.mark.parametrize("value", [Acknowledged(1), NumberedEntry(1, ENTRY), PulledEvent(1, "type", b"{}")])
def test_what_crosses_is_plain_and_never_changes(value: msgspec.Struct) -> None:
    with pytest.raises(AttributeError):
        value.number = 2  # type: ignore[attr-defined]
    assert msgspec.structs.astuple(value) == msgspec.structs.astuple(msgspec.structs.replace(value))


def test_a_store_fits_the_port() -> None:
    store: PullStore = MemoryPull(lambda done: done(), lambda key: None)
    assert store.last_number() == 0
