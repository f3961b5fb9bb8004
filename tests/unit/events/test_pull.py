"""What a queue of fetched events promises: nothing lost until it is acknowledged, bounded, and everybody woken."""

from __future__ import annotations

import json

import pytest
from structlog.testing import capture_logs

from strowger.base.clock import VirtualClock
from strowger.calls.errors import CallError, StoreUnavailable
from strowger.calls.ports import OutboxEntry, Store
from strowger.calls.pull import Acknowledged
from strowger.events.pull import Pull, PullLimits
from strowger.events.subscription import DeliveryMode, Schema, Subscription
from strowger.storage.memory import MemoryStore
from strowger.storage.pull import MemoryPull
from strowger.storage.retention import Retention
from tests.support.storage import a_commit

APP, OTHER = "dev/app", "dev/other"
TYPE = "Microsoft.Communication.IncomingCall"


def subscription(name="app", **changes) -> Subscription:
    return Subscription("dev", name, "", "/topic", delivery=DeliveryMode.PULL, **changes)


def body(event_id: str) -> bytes:
    members = {
        "id": event_id,
        "topic": "/topic",
        "subject": "/s",
        "eventType": TYPE,
        "eventTime": "2026-01-01T00:00:00Z",
        "data": {"to": 1},
    }
    return json.dumps(members, separators=(",", ":")).encode()


class Listening:
    """A reader that counts."""

    def __init__(self) -> None:
        self.woken = 0
        self.ended = 0

    def wake(self) -> None:
        self.woken += 1

    def end(self) -> None:
        self.ended += 1


class Bench:
    """Queues over a store that answers when the test says so."""

    def __init__(self, *subscriptions: Subscription, limits: PullLimits | None = None) -> None:
        self.later: list = []
        self.dropped: list[int] = []
        self.clock = VirtualClock()
        self.store = MemoryStore(self.later.append, Retention())
        self.pull = Pull(self.store.pull, self.clock, limits or PullLimits(), self.dropped.append)
        for each in subscriptions or (subscription(),):
            self.pull.serve(each)

    def come(self, *event_ids: str, key: str = APP, lasts_s: float = 30.0) -> None:
        """Events become durable, one after the other."""
        wall = self.clock.wall()
        for event_id in event_ids:
            entry = OutboxEntry(event_id, key, f"call of {event_id}", body(event_id), wall, wall + lasts_s)
            self.store.commit(a_commit(f"{event_id} {key}", events=(entry,)), lambda error: None)
            assert self.pull.added(entry)

    def settle(self) -> None:
        while self.later:
            self.later.pop(0)()

    def acknowledge(self, key: str = APP, **what) -> CallError | None:
        answers: list[CallError | None] = []
        self.pull.acknowledge(key, Acknowledged(**what), answers.append)
        self.settle()
        return answers[0]

    def ids(self, after: int = 0, key: str = APP, limit: int = 100) -> list[int]:
        return [each.number for each in self.pull.waiting(key, after, limit)]


def test_an_event_is_given_as_it_is_stored_with_its_number_and_type():
    bench = Bench()
    bench.come("e1")
    (event,) = bench.pull.waiting(APP, 0, 10)
    assert (event.number, event.type, event.body) == (1, TYPE, body("e1"))


def test_an_event_is_given_in_the_schema_of_its_subscription():
    bench = Bench(subscription(schema=Schema.CLOUD_EVENTS))
    bench.come("e1")
    (event,) = bench.pull.waiting(APP, 0, 10)
    assert event.type == TYPE
    assert json.loads(event.body) == {
        "specversion": "1.0",
        "type": TYPE,
        "source": "/topic",
        "id": "e1",
        "time": "2026-01-01T00:00:00Z",
        "data": {"to": 1},
        "subject": "/s",
    }


def test_what_is_not_acknowledged_is_given_again():
    bench = Bench()
    bench.come("e1", "e2", "e3")
    assert bench.ids() == [1, 2, 3]
    assert bench.acknowledge(numbers=[2]) is None
    assert bench.ids() == [1, 3]
    assert bench.ids(after=1) == [3]
    assert bench.acknowledge(up_to=3) is None
    assert bench.ids() == []


def test_an_acknowledgement_that_is_not_stored_is_none():
    bench = Bench()
    bench.come("e1")
    bench.store.close()
    assert isinstance(bench.acknowledge(up_to=1), StoreUnavailable)
    assert bench.ids() == [1]


def test_an_event_ends_with_its_hop_and_with_its_time():
    bench = Bench()
    bench.come("e1", "e2", lasts_s=30.0)
    bench.store.commit(a_commit(f"e1 {APP}", 2, withdrawn="e1"), lambda error: None)
    assert bench.ids() == [2]
    bench.clock.advance(29.9)
    assert bench.ids() == [2]
    bench.clock.advance(0.1)
    assert bench.ids() == []


def test_reading_goes_on_where_it_was_unless_that_number_was_never_given():
    bench = Bench()
    bench.come("e1", "e2")
    assert [bench.pull.begin(after) for after in (0, 1, 2, 3, 1 << 52)] == [0, 1, 2, 0, 0]


def test_all_readers_are_woken_and_each_gets_everything():
    bench = Bench(subscription(), subscription("other"))
    one, two, other = Listening(), Listening(), Listening()
    assert bench.pull.join(APP, one)
    assert bench.pull.join(APP, two)
    assert bench.pull.join(OTHER, other)
    bench.come("e1")
    assert (one.woken, two.woken, other.woken) == (1, 1, 0)
    assert bench.ids() == bench.ids() == [1]
    bench.pull.leave(APP, one)
    bench.pull.leave(APP, one)
    bench.pull.leave("dev/gone", one)
    bench.come("e2")
    assert (one.woken, two.woken, other.woken) == (1, 2, 0)


def test_no_more_readers_than_the_limit_and_a_place_that_is_left_is_free():
    bench = Bench(limits=PullLimits(readers=2))
    readers = [Listening(), Listening(), Listening()]
    assert [bench.pull.join(APP, each) for each in readers] == [True, True, False]
    bench.pull.leave(APP, readers[0])
    assert bench.pull.join(APP, readers[2])


def test_the_oldest_are_dropped_beyond_the_limit_and_counted():
    bench = Bench(limits=PullLimits(events=3))
    bench.come("e1", "e2", "e3")
    bench.settle()
    assert bench.ids() == [1, 2, 3]
    assert bench.dropped == []
    with capture_logs() as logs:
        bench.come("e4")
        bench.settle()
    assert bench.ids() == [2, 3, 4]
    assert bench.dropped == [1]
    assert logs == [
        {
            "event": "event dropped",
            "why": "3 wait to be acknowledged already",
            "subscription": APP,
            "dropped": 1,
            "log_level": "warning",
        }
    ]


def test_a_hundredth_goes_at_one_time_so_that_what_waits_is_counted_seldom(monkeypatch):
    bench = Bench(limits=PullLimits(events=299))
    counted: list[str] = []
    count = MemoryPull.count

    def counting(store: MemoryPull, key: str, now: float) -> int:
        counted.append(key)
        return count(store, key, now)

    monkeypatch.setattr(MemoryPull, "count", counting)
    for number in range(299):
        bench.come(f"e{number}")
    assert counted == [APP]  # with the first: what an earlier run left
    for number in range(299, 305):
        bench.come(f"e{number}")
        bench.settle()
    assert (bench.dropped, len(counted)) == ([3, 3], 3)
    assert (bench.ids(limit=1), len(bench.ids(limit=999))) == ([7], 299)


def test_room_is_made_once_for_what_comes_while_it_is_made():
    bench = Bench(limits=PullLimits(events=2))
    bench.come("e1", "e2", "e3", "e4", "e5")
    bench.settle()
    assert bench.ids() == [4, 5]
    assert sum(bench.dropped) == 3


def test_acknowledged_events_make_room_themselves():
    bench = Bench(limits=PullLimits(events=2))
    for number in range(1, 9):
        bench.come(f"e{number}")
        bench.acknowledge(up_to=number)
    assert bench.dropped == []


class Uncountable(MemoryPull):
    """A queue that cannot be read just now."""

    def count(self, subscription: str, now: float) -> int:
        raise StoreUnavailable("gone")


def test_a_store_that_cannot_count_costs_no_event():
    dropped: list[int] = []
    store = Uncountable(lambda done: done(), lambda key: None)
    pull = Pull(store, VirtualClock(), PullLimits(events=1), dropped.append)
    pull.serve(subscription())
    with capture_logs() as logs:
        assert all(pull.added(OutboxEntry(each, APP, "call", b"{}", 1.0, 2.0)) for each in ("e1", "e2"))
    assert [each["event"] for each in logs] == ["events not counted"] * 2
    assert dropped == []
    assert pull.state(APP) == "gone"
    assert pull.counts() == {}


def test_a_paused_subscription_gives_nothing_until_it_goes_on():
    bench = Bench()
    reader = Listening()
    bench.pull.join(APP, reader)
    bench.come("e1")
    bench.pull.set_paused(APP, is_paused=True)
    assert bench.ids() == []
    bench.pull.set_paused(APP, is_paused=False)
    assert bench.ids() == [1]
    assert reader.woken == 3


def test_one_that_begins_paused():
    bench = Bench(subscription(is_paused=True))
    bench.come("e1")
    assert bench.ids() == []


def test_a_subscription_that_changes_keeps_its_readers_and_events():
    bench = Bench()
    reader = Listening()
    bench.pull.join(APP, reader)
    bench.come("e1")
    bench.pull.serve(subscription(schema=Schema.CLOUD_EVENTS))
    assert json.loads(bench.pull.waiting(APP, 0, 1)[0].body)["specversion"] == "1.0"
    bench.come("e2")
    assert reader.woken == 2


def test_a_subscription_that_is_removed_takes_its_events_along():
    bench = Bench(subscription(), subscription("other"))
    reader = Listening()
    bench.pull.join(APP, reader)
    bench.come("e1")
    bench.come("x1", key=OTHER)
    assert bench.pull.remove(APP) == 1
    bench.settle()
    assert reader.ended == 1
    assert not bench.pull.has(APP)
    assert bench.pull.waiting(APP, 0, 1) == []
    assert [entry.event_id for entry in bench.store.pending_events()] == ["x1"]


def test_a_subscription_that_is_posted_from_now_on_keeps_its_events():
    bench = Bench()
    bench.come("e1")
    bench.pull.forget(APP)
    assert not bench.pull.has(APP)
    assert [entry.event_id for entry in bench.store.pending_events()] == ["e1"]


def test_events_of_other_subscriptions_are_somebody_elses():
    store: Store = Bench().store
    assert store.pending_events() == []
    entry = OutboxEntry("e1", "dev/posted", "call", b"{}", 1.0, 2.0)
    assert not Bench().pull.added(entry)


def test_stopping_sends_everybody_away_and_lets_nobody_in():
    bench = Bench()
    reader = Listening()
    bench.pull.join(APP, reader)
    bench.come("e1")
    bench.pull.stop()
    assert reader.ended == 1
    assert not bench.pull.join(APP, Listening())
    assert (bench.pull.has(APP), bench.ids()) == (True, [1]), "who does not wait may still ask"


def test_its_state_says_what_is_not_acknowledged_and_who_waits():
    bench = Bench()
    start = "fetched by the application: "
    assert bench.pull.state(APP) == f"{start}0 events not acknowledged, nobody has asked since the start"
    bench.come("e1")
    reader = Listening()
    bench.ids()
    bench.pull.join(APP, reader)
    assert bench.pull.state(APP) == f"{start}1 event not acknowledged, 1 waiting for more"
    assert bench.pull.counts() == {APP: 1}
    bench.pull.leave(APP, reader)
    assert bench.pull.state(APP) == f"{start}1 event not acknowledged, nobody waiting for more"


@pytest.mark.parametrize("limits", [PullLimits(), PullLimits(events=10_000, readers=16)])
def test_the_limits(limits):
    assert limits == PullLimits()
