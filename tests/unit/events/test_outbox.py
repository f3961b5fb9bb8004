"""Which entries are due."""

from __future__ import annotations

from strowger.calls.ports import OutboxEntry
from strowger.events.outbox import LAST_MOMENT_S, BatchLimits, Outbox, OutboxLimits

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
    return [delivery.entry.event_id for batch in box.start() for delivery in batch]


def is_empty(box: Outbox) -> bool:
    holders = (box._waiting, box._by_event, *(lane.queue for lane in box._lanes.values()))
    return len(box) == 0 and not any(holders) and len(box._timers) == 0


def test_an_entry_starts_at_once_and_leaves_nothing():
    box = outbox()
    box.add(entry("1"), 30.0)
    ((delivery,),) = box.start()
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
    running = [delivery for batch in box.start() for delivery in batch]
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
    ((running,),) = box.start()
    assert box.advance(30.0) == [entry("2")]
    box.finish(running)
    assert started(box) == []
    assert is_empty(box)


def test_a_retry_waits_for_its_time():
    box = outbox()
    box.add(entry("1"), 30.0)
    ((delivery,),) = box.start()
    box.retry(delivery, 1.0)
    assert box.advance(0.999) == []
    assert started(box) == []
    assert box.next_deadline() == 1.0
    assert box.advance(1.0) == []
    ((again,),) = box.start()
    assert again is delivery
    assert again.attempts == 2


def test_a_retry_that_is_late_expires():
    box = outbox()
    box.add(entry("1"), 30.0)
    ((delivery,),) = box.start()
    box.retry(delivery, 29.0)
    assert box.advance(30.0) == [entry("1")]
    assert is_empty(box)


def test_a_retry_frees_its_slot_meanwhile():
    box = outbox(concurrency=1)
    box.add(entry("1"), 30.0)
    ((delivery,),) = box.start()
    box.add(entry("2"), 30.0)
    box.retry(delivery, 1.0)
    assert started(box) == ["2"]


def test_withdrawn_entries_are_gone_wherever_they_wait():
    box = outbox(concurrency=1)
    box.add(entry("queued first", B), 30.0)
    ((delivery,),) = box.start()
    box.retry(delivery, 1.0)
    box.add(entry("running"), 30.0)
    box.add(entry("queued"), 30.0)
    ((running,),) = box.start()
    box.withdraw("queued first", 0.0)
    box.withdraw("queued", 0.0)
    box.withdraw("never heard of", 0.0)
    assert len(box) == 1
    assert box.advance(2.0) == []
    assert started(box) == []
    box.finish(running)
    assert is_empty(box)


def test_withdrawing_covers_every_subscription():
    box = outbox(is_open=False)
    box.add(entry("1", A), 30.0)
    box.add(entry("1", B), 30.0)
    box.withdraw("1", 0.0)
    assert is_empty(box)


def test_a_withdrawn_attempt_is_not_retried():
    box = outbox()
    box.add(entry("1"), 30.0)
    ((delivery,),) = box.start()
    box.withdraw("1", 0.0)
    assert len(box) == 1
    box.retry(delivery, 1.0)
    assert is_empty(box)
    assert box.advance(2.0) == []


def test_a_withdrawn_attempt_may_still_finish():
    box = outbox()
    box.add(entry("1"), 30.0)
    ((delivery,),) = box.start()
    box.withdraw("1", 0.0)
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
    ((running,),) = box.start()
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
    while batches := box.start():
        seen += [delivery.entry.event_id for (delivery,) in batches]
        for (delivery,) in batches:
            box.finish(delivery)
    assert seen == [str(number) for number in range(20_000)]
    assert is_empty(box)


def test_a_lane_that_is_shut_keeps_what_waits_until_its_deadline():
    box = outbox(concurrency=1)
    for number in "12":
        box.add(entry(number), 30.0)
    ((running,),) = box.start()
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
    (running,), (other,) = box.start()
    assert [gone.event_id for gone in box.remove_lane(A)] == ["2", "3", "1"]
    assert (running.withdrawn, other.withdrawn, len(box)) == (True, False, 2)
    box.retry(running, 5.0)
    assert (len(box), box.advance(5.0), started(box)) == (1, [], [])
    box.finish(other)
    assert is_empty(box)


def test_a_lane_may_be_added_again_while_an_attempt_of_the_one_before_is_in_flight():
    box = outbox(concurrency=1)
    box.add(entry("1"), 30.0)
    ((before,),) = box.start()
    box.remove_lane(A)
    box.add_lane(A)
    box.open(A)
    box.add(entry("1"), 30.0)
    ((after,),) = box.start()
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
    first = [delivery for batch in box.start() for delivery in batch]
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
    ((delivery,),) = box.start()
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


# -------------------------------------------------------------------------------------------------------------- batches


def batches(box: Outbox) -> list[list[str]]:
    return [[delivery.entry.event_id for delivery in batch] for batch in box.start()]


def batching(events: int, octets: int = 1_000, concurrency: int = 2) -> Outbox:
    box = Outbox(OutboxLimits(concurrency, 100))
    box.add_lane(A, BatchLimits(events, octets))
    box.open(A)
    return box


def test_what_waits_goes_together_up_to_the_limit():
    box = batching(3)
    for number in "1234":
        box.add(entry(number), 30.0)
    assert batches(box) == [["1", "2", "3"], ["4"]]
    assert len(box) == 4


def test_one_event_does_not_wait_for_another():
    box = batching(3)
    box.add(entry("1"), 30.0)
    assert batches(box) == [["1"]]


def test_a_batch_is_no_larger_than_its_octets_but_for_a_single_event():
    box = batching(3, octets=4)
    for number in "123":
        box.add(entry(number), 30.0)
    assert batches(box) == [["1", "2"], ["3"]]
    box = batching(3, octets=1)
    box.add(entry("1"), 30.0)
    assert batches(box) == [["1"]]


def test_a_batch_takes_one_slot_until_all_of_it_is_concluded():
    box = batching(2, concurrency=1)
    for number in "123":
        box.add(entry(number), 30.0)
    ((first, second),) = box.start()
    box.finish(first)
    assert batches(box) == []
    box.retry(second, 1.0)
    assert batches(box) == [["3"]]


def test_events_of_a_batch_have_been_tried_equally_often():
    box = batching(3, concurrency=1)
    box.add(entry("1"), 30.0)
    ((first,),) = box.start()
    box.add(entry("2"), 30.0)
    box.retry(first, 1.0)
    box.add(entry("3"), 30.0)
    box.advance(1.0)
    assert batches(box) == [["2", "3"]]


def test_what_goes_alone_is_in_no_batch():
    box = batching(3, concurrency=3)
    for number in "12":
        box.add(entry(number), 30.0)
    ((first, second),) = box.start()
    first.goes_alone = True
    for delivery in (second, first):
        box.retry(delivery, 1.0)
    box.advance(1.0)
    assert sorted(batches(box)) == [["1"], ["2"]]


def test_a_lane_may_be_changed():
    box = batching(1)
    box.change_lane(A, BatchLimits(2))
    for number in "12":
        box.add(entry(number), 30.0)
    assert batches(box) == [["1", "2"]]


# ---------------------------------------------------------------------------------------- what outlives its hop, or not


def lasting(event_id: str, attempts: int = 0) -> OutboxEntry:
    return OutboxEntry(event_id, A, "call", b"{}", 0.0, 30.0, outlives_hop=True, attempts=attempts)


def test_what_outlives_its_hop_is_not_withdrawn():
    box = outbox(is_open=False)
    box.add(lasting("1"), 3_000.0)
    box.add(entry("1", B), 30.0)
    assert box.withdraw("1", 5.0) == []
    assert len(box) == 1
    box.open(A)
    assert started(box) == ["1"]


def test_attempts_before_a_restart_count_and_their_pause_goes_on():
    box = outbox()
    box.add(lasting("1", attempts=3), 3_000.0, not_before=40.0)
    assert (started(box), box.next_deadline()) == ([], 40.0)
    assert box.advance(40.0) == []
    ((delivery,),) = box.start()
    assert delivery.attempts == 4


def test_a_pause_beyond_the_end_ends_there():
    box = outbox()
    box.add(lasting("1", attempts=3), 30.0, not_before=40.0)
    assert box.next_deadline() == 30.0
    assert box.advance(30.0) == [lasting("1", attempts=3)]
    assert is_empty(box)


def test_a_hop_that_closes_because_time_is_over_leaves_an_expired_event():
    for before_s, expired in ((LAST_MOMENT_S, ["1"]), (LAST_MOMENT_S + 0.01, [])):
        box = outbox(is_open=False)
        box.add(entry("1"), 30.0)
        assert [each.event_id for each in box.withdraw("1", 30.0 - before_s)] == expired
        assert is_empty(box)


def test_an_attempt_in_flight_when_time_is_over_expires_with_it():
    box = outbox()
    box.add(entry("1"), 30.0)
    ((delivery,),) = box.start()
    assert box.withdraw("1", 29.9) == []
    assert (delivery.withdrawn, delivery.deadline) == (False, 29.9)
    box.finish(delivery)
    assert is_empty(box)
