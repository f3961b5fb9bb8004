"""What is particular to the memory store; the rest is in test_store_contract.py."""

from __future__ import annotations

from strowger.storage.memory import MemoryStore
from strowger.storage.retention import Retention
from tests.support.storage import a_commit, a_receipt, an_event


class Later:
    """What was put off, in order."""

    def __init__(self):
        self.waiting = []

    def run(self):
        while self.waiting:
            self.waiting.pop(0)()


def test_every_done_goes_through_later_in_order():
    later = Later()
    store = MemoryStore(later.waiting.append, Retention())
    answers = []
    store.commit(a_commit("abcd"), lambda error: answers.append(("commit", error)))
    store.save_receipt(a_receipt("r1"), lambda error: answers.append(("receipt", error)))
    assert answers == []
    later.run()
    assert answers == [("commit", None), ("receipt", None)]


def test_pruning_ends_by_itself_and_leaves_nothing():
    later = Later()
    store = MemoryStore(later.waiting.append, Retention())
    for n in range(250):
        unit = a_commit(f"c{n}", ended_at=1.0, events=(an_event(f"e{n}"),), receipt=a_receipt(f"r{n}"))
        store.commit(unit, lambda error: None)
    later.run()
    store.prune(1_000_000.0)
    later.run()
    leftovers = {name: value for name, value in vars(store).items() if isinstance(value, list | dict) and value}
    assert leftovers == {}
    assert len(store._ended) == 0


def test_a_delivered_entry_leaves_nothing():
    later = Later()
    store = MemoryStore(later.waiting.append, Retention())
    entries = (an_event("e1"), an_event("e1", "dev/other"))
    store.commit(a_commit("abcd", events=entries), lambda error: None)
    for entry in entries:
        store.delivered(entry)
    assert (store._outbox, store._entries_of) == ({}, {})
