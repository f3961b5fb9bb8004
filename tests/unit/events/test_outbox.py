"""Which entries are due."""

from __future__ import annotations

from strowger.calls.ports import OutboxEntry
from strowger.events.outbox import Outbox, OutboxLimits

A, B = "dev/a", "dev/b"


def entry(event_id: str, subscription: str = A) -> OutboxEntry:
    return OutboxEntry(event_id, subscription, "call", b"{}", 0.0, 30.0)


def outbox(*, is_open: bool = True, concurrency: int = 2, events_pending: int = 100) -> Outbox:
    box = Outbox(OutboxLimits(concurrency, events_pending))
    for name in (A, B):
        box.add_lane(name)
    if is_open:
        box.open(A)
        box.open(B)
    return box


def started(box: Outbox) -> list[str]:
    return [delivery.entry.event_id for delivery in box.start()]


def is_empty(box: Outbox) -> bool:
    holders = (box._waiting, box._by_event, *(lane.queue for lane in box._lanes.values()))
    return len(box) == 0 and not any(holders) and len(box._timers) == 0


def test_an_entry_starts_at_once_and_leaves_nothing():
    box = outbox()
    box.add(entry("1"), 30.0)
    (delivery,) = box.start()
    assert (delivery.attempts, len(box), box.next_deadline()) == (1, 1, None)
    box.finish(delivery)
    assert is_empty(box)


def test_the_same_entry_twice_is_one():
    box = outbox()
    box.add(entry("1"), 30.0)
    box.add(entry("1"), 30.0)
    box.add(entry("1", B), 30.0)
    assert started(box) == ["1", "1"]


def test_concurrency_is_per_subscription():
    box = outbox(concurrency=2)
    for number in "123":
        box.add(entry(number), 30.0)
    box.add(entry("4", B), 30.0)
    running = box.start()
    assert [delivery.entry.event_id for delivery in running] == ["1", "2", "4"]
    assert started(box) == []
    box.finish(running[2])
    assert started(box) == []
    box.finish(running[0])
    assert started(box) == ["3"]


def test_a_shut_lane_keeps_its_entries_until_it_opens():
    box = outbox(is_open=False)
    box.add(entry("1"), 30.0)
    assert started(box) == []
    assert box.next_deadline() == 30.0
    box.open(A)
    assert started(box) == ["1"]
    assert box.next_deadline() is None


def test_a_waiting_entry_expires_at_its_deadline():
    box = outbox(is_open=False)
    box.add(entry("1"), 30.0)
    box.add(entry("2"), 31.0)
    assert box.advance(29.999) == []
    assert box.advance(30.0) == [entry("1")]
    box.open(A)
    assert started(box) == ["2"]


def test_an_entry_without_a_slot_expires_too():
    box = outbox(concurrency=1)
    box.add(entry("1"), 30.0)
    box.add(entry("2"), 30.0)
    (running,) = box.start()
    assert box.advance(30.0) == [entry("2")]
    box.finish(running)
    assert started(box) == []
    assert is_empty(box)


def test_a_retry_waits_for_its_time():
    box = outbox()
    box.add(entry("1"), 30.0)
    (delivery,) = box.start()
    box.retry(delivery, 1.0)
    assert box.advance(0.999) == []
    assert started(box) == []
    assert box.next_deadline() == 1.0
    assert box.advance(1.0) == []
    (again,) = box.start()
    assert again is delivery
    assert again.attempts == 2


def test_a_retry_that_is_late_expires():
    box = outbox()
    box.add(entry("1"), 30.0)
    (delivery,) = box.start()
    box.retry(delivery, 29.0)
    assert box.advance(30.0) == [entry("1")]
    assert is_empty(box)


def test_a_retry_frees_its_slot_meanwhile():
    box = outbox(concurrency=1)
    box.add(entry("1"), 30.0)
    (delivery,) = box.start()
    box.add(entry("2"), 30.0)
    box.retry(delivery, 1.0)
    assert started(box) == ["2"]


def test_withdrawn_entries_are_gone_wherever_they_wait():
    box = outbox(concurrency=1)
    box.add(entry("queued first", B), 30.0)
    (delivery,) = box.start()
    box.retry(delivery, 1.0)
    box.add(entry("running"), 30.0)
    box.add(entry("queued"), 30.0)
    (running,) = box.start()
    box.withdraw("queued first")
    box.withdraw("queued")
    box.withdraw("never heard of")
    assert len(box) == 1
    assert box.advance(2.0) == []
    assert started(box) == []
    box.finish(running)
    assert is_empty(box)


def test_withdrawing_covers_every_subscription():
    box = outbox(is_open=False)
    box.add(entry("1", A), 30.0)
    box.add(entry("1", B), 30.0)
    box.withdraw("1")
    assert is_empty(box)


def test_a_withdrawn_attempt_is_not_retried():
    box = outbox()
    box.add(entry("1"), 30.0)
    (delivery,) = box.start()
    box.withdraw("1")
    assert len(box) == 1
    box.retry(delivery, 1.0)
    assert is_empty(box)
    assert box.advance(2.0) == []


def test_a_withdrawn_attempt_may_still_finish():
    box = outbox()
    box.add(entry("1"), 30.0)
    (delivery,) = box.start()
    box.withdraw("1")
    box.finish(delivery)
    assert is_empty(box)


def test_one_more_than_the_limit_pushes_out_the_longest_waiting():
    box = outbox(is_open=False, events_pending=3)
    assert [box.add(entry(number), 30.0) for number in "123"] == [None] * 3
    assert box.add(entry("4", B), 30.0) == entry("1")
    assert len(box) == 3
    box.open(A)
    assert started(box) == ["2", "3"]


def test_attempts_in_flight_count_but_are_never_pushed_out():
    box = outbox(events_pending=1)
    box.add(entry("1"), 30.0)
    (running,) = box.start()
    assert box.add(entry("2"), 30.0) == entry("2")
    box.finish(running)
    assert is_empty(box)


def test_the_entries_of_a_failed_subscription_go():
    box = outbox(is_open=False)
    box.add(entry("1", A), 30.0)
    box.add(entry("2", B), 30.0)
    assert box.discard(A) == [entry("1", A)]
    assert len(box) == 1


def test_a_shut_outbox_starts_nothing():
    box = outbox()
    box.add(entry("1"), 30.0)
    box.shut()
    assert started(box) == []


def test_a_long_backlog_drains_in_order_and_in_linear_time():
    box = outbox(is_open=False, events_pending=20_000)
    for number in range(20_000):
        box.add(entry(str(number)), 30.0)
    box.open(A)
    seen = []
    while running := box.start():
        seen += [delivery.entry.event_id for delivery in running]
        for delivery in running:
            box.finish(delivery)
    assert seen == [str(number) for number in range(20_000)]
    assert is_empty(box)


def test_a_lane_that_is_shut_keeps_what_waits_until_its_deadline():
    box = outbox(concurrency=1)
    for number in "12":
        box.add(entry(number), 30.0)
    (running,) = box.start()
    box.shut_lane(A)
    box.add(entry("3"), 40.0)
    box.retry(running, 5.0)
    assert box.advance(5.0) == []
    assert (started(box), len(box)) == ([], 3)
    assert [gone.event_id for gone in box.advance(30.0)] == ["1", "2"]
    assert box.next_deadline() == 40.0
    box.open(A)
    assert started(box) == ["3"]


def test_a_lane_that_is_shut_with_something_about_to_start_forgets_no_deadline():
    box = outbox()
    box.add(entry("1"), 30.0)
    box.shut_lane(A)
    assert (started(box), box.next_deadline()) == ([], 30.0)
    assert [gone.event_id for gone in box.advance(30.0)] == ["1"]
    assert is_empty(box)


def test_nothing_remains_of_a_lane_that_is_removed():
    box = outbox(concurrency=1)
    for number in "123":
        box.add(entry(number), 30.0)
    box.add(entry("1", B), 30.0)
    running, other = box.start()
    assert [gone.event_id for gone in box.remove_lane(A)] == ["2", "3", "1"]
    assert (running.withdrawn, other.withdrawn, len(box)) == (True, False, 2)
    box.retry(running, 5.0)
    assert (len(box), box.advance(5.0), started(box)) == (1, [], [])
    box.finish(other)
    assert is_empty(box)


def test_a_lane_may_be_added_again_while_an_attempt_of_the_one_before_is_in_flight():
    box = outbox(concurrency=1)
    box.add(entry("1"), 30.0)
    (before,) = box.start()
    box.remove_lane(A)
    box.add_lane(A)
    box.open(A)
    box.add(entry("1"), 30.0)
    (after,) = box.start()
    box.finish(before)
    box.add(entry("2"), 30.0)
    assert started(box) == []
    box.finish(after)
    assert started(box) == ["2"]


def test_a_lane_keeps_to_the_rate_of_its_endpoint():
    box = outbox(concurrency=9)
    box.pace(A, 2)
    box.advance(100.0)
    for number in "123456":
        box.add(entry(number), 225.0)
    box.add(entry("b", B), 225.0)
    first = box.start()
    assert [delivery.entry.event_id for delivery in first] == ["1", "2", "b"]
    assert (started(box), box.next_deadline()) == ([], 160.0)
    for delivery in first:
        box.finish(delivery)
    assert (started(box), box.next_deadline()) == ([], 160.0)
    assert (box.advance(159.9), started(box)) == ([], [])
    assert (box.advance(160.0), started(box)) == ([], ["3", "4"])
    assert (box.advance(220.0), started(box)) == ([], ["5", "6"])
    assert box.next_deadline() is None


def test_what_waits_for_the_rate_expires_in_time():
    box = outbox()
    box.pace(A, 1)
    box.add(entry("1"), 30.0)
    box.add(entry("2"), 30.0)
    assert started(box) == ["1"]
    assert box.next_deadline() == 30.0
    assert [each.event_id for each in box.advance(30.0)] == ["2"]
    assert box.next_deadline() == 60.0
    assert (box.advance(60.0), box.next_deadline()) == ([], None)


def test_an_attempt_that_failed_counts_for_the_rate():
    box = outbox()
    box.pace(A, 1)
    box.add(entry("1"), 300.0)
    (delivery,) = box.start()
    box.retry(delivery, 10.0)
    assert (box.advance(10.0), started(box), box.next_deadline()) == ([], [], 60.0)
    assert (box.advance(60.0), started(box)) == ([], ["1"])


def test_a_rate_may_change_and_go():
    box = outbox()
    box.pace(A, 1)
    box.add(entry("1"), 300.0)
    box.add(entry("2"), 300.0)
    assert started(box) == ["1"]
    box.shut_lane(A)
    box.pace(A, 1)
    box.open(A)
    assert started(box) == []
    box.shut_lane(A)
    box.pace(A, 0)
    box.open(A)
    assert started(box) == ["2"]


def test_a_lane_that_is_gone_waits_for_no_rate():
    box = outbox()
    box.pace(A, 1)
    box.add(entry("1"), 300.0)
    box.add(entry("2"), 300.0)
    assert started(box) == ["1"]
    assert len(box.remove_lane(A)) == 2
    assert (box.next_deadline(), box.advance(60.0)) == (None, [])
