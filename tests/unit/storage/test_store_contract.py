"""What every store promises (`calls.ports.Store`): one suite over all of them."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
import pytest_asyncio

from strowger.calls.errors import CallError, HopClosed, StoreUnavailable
from strowger.calls.ports import Store, StoredCall
from strowger.storage.errors import RecordUnreadable
from strowger.storage.memory import MemoryStore
from strowger.storage.retention import ENDED_LEG_KEPT_S, EXPIRED_EVENT_KEPT_S, PRUNE_ROWS, Retention
from strowger.storage.sqlite import SqliteStore
from tests.support.storage import (
    SCOPE,
    a_call,
    a_commit,
    a_receipt,
    add_events,
    an_event,
    commit,
    commit_together,
    pass_by,
    save_receipt,
)

RETENTION = Retention(
    calls_kept=5, calls_kept_for_s=1_000.0, receipts_kept=5, receipts_kept_for_s=1_000.0, events_pending=5
)


@pytest.fixture(params=["memory", "sqlite"])
def kind(request):
    return request.param


@pytest_asyncio.fixture
async def store(kind, tmp_path):
    loop = asyncio.get_running_loop()
    opened: Store
    if kind == "memory":
        opened = MemoryStore(loop.call_soon, RETENTION)
    else:
        opened = SqliteStore.open(tmp_path / "strowger.db", loop=loop, retention=RETENTION)
    yield opened
    opened.close()


def ids(calls):
    return [stored.call.call_id for stored in calls]


def event_ids(store):
    return [entry.event_id for entry in store.pending_events()]


class TestCommit:
    @pytest.mark.asyncio
    async def test_a_new_call_is_read_back_as_it_was_given(self, store):
        assert await commit(store, a_commit("a1b2-1")) is None
        assert store.live_calls() == [StoredCall(a_call("a1b2-1"), 1, b"leg of a1b2-1")]

    @pytest.mark.asyncio
    async def test_done_is_never_called_before_the_method_returned(self, store):
        answers: list[CallError | None] = []
        store.commit(a_commit("a1b2-1"), answers.append)
        store.save_receipt(a_receipt("r1"), answers.append)
        assert answers == []
        await pass_by(store)
        assert answers == [None, None]

    @pytest.mark.asyncio
    async def test_the_next_revision_replaces_the_call_and_keeps_the_leg(self, store):
        await commit(store, a_commit("a1b2-1"))
        assert await commit(store, a_commit("a1b2-1", 2, created_at=2_000.0)) is None
        assert store.live_calls() == [StoredCall(a_call("a1b2-1", created_at=2_000.0), 2, b"leg of a1b2-1")]

    @pytest.mark.asyncio
    @pytest.mark.parametrize("revision", [1, 2, 4])
    async def test_a_revision_that_does_not_follow_is_refused(self, store, revision):
        await commit_together(store, [a_commit("a1b2-1"), a_commit("a1b2-1", 2)])
        error = await commit(store, a_commit("a1b2-1", revision, created_at=2_000.0))
        assert isinstance(error, HopClosed)
        assert store.live_calls() == [StoredCall(a_call("a1b2-1"), 2, b"leg of a1b2-1")]

    @pytest.mark.asyncio
    async def test_a_later_revision_of_an_unknown_call_is_refused(self, store):
        assert isinstance(await commit(store, a_commit("a1b2-1", 2)), HopClosed)
        assert store.live_calls() == []

    @pytest.mark.asyncio
    @pytest.mark.parametrize("revision", [1, 3])
    async def test_a_refused_decision_leaves_nothing_behind(self, store, revision):
        await commit(store, a_commit("a1b2-1", events=(an_event("e1"),)))
        refused = a_commit(
            "a1b2-1", revision, events=(an_event("e2"),), withdrawn="e1", receipt=a_receipt("r1"), ended_at=1_500.0
        )
        assert isinstance(await commit(store, refused), HopClosed)
        assert event_ids(store) == ["e1"]
        assert store.find_receipt(SCOPE, "r1") is None
        assert ids(store.live_calls()) == ["a1b2-1"]

    @pytest.mark.asyncio
    async def test_one_of_many_decisions_on_a_hop_wins_and_the_neighbours_do_not_suffer(self, store):
        await commit(store, a_commit("a1b2-1"))
        rivals = [a_commit("a1b2-1", 2, receipt=a_receipt(f"r{n}")) for n in range(5)]
        answers = await commit_together(store, [a_commit("before"), *rivals, a_commit("after")])
        assert [type(answer) for answer in answers] == [type(None)] * 2 + [HopClosed] * 4 + [type(None)]
        assert [n for n in range(5) if store.find_receipt(SCOPE, f"r{n}")] == [0]
        assert ids(store.live_calls()) == ["a1b2-1", "before", "after"]

    @pytest.mark.asyncio
    async def test_events_receipt_and_withdrawal_go_with_the_decision(self, store):
        first = a_commit("a1b2-1", events=(an_event("e1"), an_event("e1", "dev/other")))
        second = a_commit("a1b2-1", 2, events=(an_event("e2"),), withdrawn="e1", receipt=a_receipt("r1"))
        await commit(store, first)
        assert store.pending_events() == list(first.events)
        await commit(store, second)
        assert store.pending_events() == [an_event("e2")]
        assert store.find_receipt(SCOPE, "r1") == a_receipt("r1")

    @pytest.mark.asyncio
    async def test_withdrawing_what_is_not_there_changes_nothing(self, store):
        await commit(store, a_commit("a1b2-1", events=(an_event("e1"),), withdrawn="e0"))
        assert event_ids(store) == ["e1"]

    @pytest.mark.asyncio
    async def test_an_event_is_kept_once_per_subscription(self, store):
        await commit(store, a_commit("a1b2-1", events=(an_event("e1"),)))
        await commit(store, a_commit("a1b2-2", events=(an_event("e1", expires_at=9.0), an_event("e2"))))
        assert store.pending_events() == [an_event("e1"), an_event("e2")]

    @pytest.mark.asyncio
    async def test_a_done_that_raises_does_not_silence_the_others(self, store):
        loop = asyncio.get_running_loop()
        reported = []
        loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))
        told = loop.create_future()

        def explode(_):
            raise RuntimeError("the caller's own fault")

        store.commit(a_commit("a1b2-1"), explode)
        store.commit(a_commit("a1b2-2"), told.set_result)
        assert await told is None
        assert reported == ["the caller's own fault"]


class TestReceipts:
    @pytest.mark.asyncio
    async def test_a_receipt_is_found_under_its_scope_and_id_only(self, store):
        assert await save_receipt(store, a_receipt("r1", status=404)) is None
        assert store.find_receipt(SCOPE, "r1") == a_receipt("r1", status=404)
        assert store.find_receipt(SCOPE, "r2") is None
        assert store.find_receipt("dev POST /calling/callConnections:reject", "r1") is None

    @pytest.mark.asyncio
    async def test_an_id_used_again_gets_the_new_answer(self, store):
        await save_receipt(store, a_receipt("r1", status=404))
        await save_receipt(store, a_receipt("r1", status=204, accepted_at=9_000.0))
        assert store.find_receipt(SCOPE, "r1") == a_receipt("r1", status=204, accepted_at=9_000.0)

    @pytest.mark.asyncio
    async def test_an_id_that_no_text_encoding_knows_is_not_found(self, store):
        assert store.find_receipt("\ud800", "\udfff") is None
        assert store.find_call("\ud800\ud800\ud800\ud800") is None


class TestOutbox:
    @pytest.mark.asyncio
    async def test_a_delivered_entry_is_gone_with_the_next_change_and_the_other_subscriptions_stay(self, store):
        entries = (an_event("e1"), an_event("e1", "dev/other"), an_event("e2"))
        await commit(store, a_commit("a1b2-1", events=entries))
        store.delivered(entries[0])
        store.delivered(entries[0])
        store.delivered(entries[2])
        await pass_by(store)
        assert store.pending_events() == [entries[1]]

    @pytest.mark.asyncio
    async def test_an_entry_delivered_after_its_withdrawal_is_no_error(self, store):
        await commit(store, a_commit("a1b2-1", events=(an_event("e1"),)))
        await commit(store, a_commit("a1b2-1", 2, withdrawn="e1"))
        store.delivered(an_event("e1"))
        await pass_by(store)
        assert store.pending_events() == []

    @pytest.mark.asyncio
    async def test_an_entry_that_outlives_its_hop_is_not_withdrawn_and_still_leaves_when_it_is_delivered(self, store):
        lasting, short = an_event("e1", outlives_hop=True), an_event("e1", "dev/other")
        await commit(store, a_commit("a1b2-1", events=(lasting, short)))
        await commit(store, a_commit("a1b2-1", 2, withdrawn="e1"))
        assert store.pending_events() == [lasting]
        store.delivered(lasting)
        await commit(store, a_commit("a1b2-1", 3, withdrawn="e1"))
        await pass_by(store)
        assert store.pending_events() == []

    @pytest.mark.asyncio
    async def test_how_often_an_entry_was_tried_is_kept(self, store):
        entry = an_event("e1", outlives_hop=True)
        await commit(store, a_commit("a1b2-1", events=(entry, an_event("e2"))))
        tried = msgspec.structs.replace(entry, attempts=3, last_attempt_at=1_500.5, last_outcome="Busy")
        store.tried(tried)
        store.tried(msgspec.structs.replace(tried, event_id="never heard of"))
        await pass_by(store)
        assert store.pending_events() == [tried, an_event("e2")]

    @pytest.mark.asyncio
    async def test_pending_events_come_oldest_first_expired_or_not(self, store):
        events = tuple(an_event(f"e{n}", expires_at=9.0 - n) for n in (3, 1, 2))
        await commit(store, a_commit("a1b2-1", events=events))
        assert event_ids(store) == ["e3", "e1", "e2"]


class TestCalls:
    @pytest.mark.asyncio
    async def test_live_and_ended_calls_are_told_apart_in_order_of_arrival(self, store):
        await commit_together(store, [a_commit(f"call-{n}") for n in range(4)])
        await commit(store, a_commit("call-2", 2, ended_at=1_200.0))
        await commit(store, a_commit("call-0", 2, ended_at=1_100.0))
        assert ids(store.live_calls()) == ["call-1", "call-3"]
        assert ids(store.ended_calls(0.0)) == ["call-0", "call-2"]
        assert store.ended_calls(1_200.0) == [
            StoredCall(a_call("call-2", ended_at=1_200.0), 2, b"leg of call-2"),
        ]
        assert store.ended_calls(1_200.1) == []

    @pytest.mark.asyncio
    async def test_a_call_that_ended_at_once_is_not_live(self, store):
        await commit(store, a_commit("call-0", ended_at=1_000.0))
        assert store.live_calls() == []
        assert ids(store.ended_calls(1_000.0)) == ["call-0"]

    @pytest.mark.asyncio
    async def test_recent_calls_come_newest_first_and_no_more_than_asked_for(self, store):
        await commit_together(store, [a_commit(f"call-{n}") for n in range(4)])
        assert [call.call_id for call in store.recent_calls(3)] == ["call-3", "call-2", "call-1"]
        assert store.recent_calls(0) == store.recent_calls(-1) == []

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ("abcd-1", "abcd-1"),  # a whole id wins over being the beginning of another
            ("abcd-12", "abcd-12"),
            ("abcd-3", "abcd-34"),
            ("wxyz", "wxyz-1"),
            ("wxy", None),  # three characters are too few
            ("abcd", None),  # several begin so
            ("abcd-9", None),
            ("abc%", None),
            ("abcd_1", None),
            ("", None),
        ],
    )
    async def test_a_call_is_found_by_its_id_or_a_unique_beginning(self, store, asked, found):
        await commit_together(store, [a_commit(call_id) for call_id in ("abcd-1", "abcd-12", "abcd-34", "wxyz-1")])
        call = store.find_call(asked)
        assert (call.call_id if call else None) == found

    @pytest.mark.asyncio
    async def test_a_call_that_cannot_be_decoded_is_named(self, store):
        unit = a_commit("abcd-1")
        await commit(
            store, type(unit)(**{name: getattr(unit, name) for name in unit.__struct_fields__} | {"call": b"{"})
        )
        for read in (store.live_calls, lambda: store.find_call("abcd-1"), lambda: store.recent_calls(1)):
            with pytest.raises(RecordUnreadable, match="cannot read the stored call abcd-1") as caught:
                read()
            assert caught.value.call_id == "abcd-1"


class TestPrune:
    @pytest.mark.asyncio
    async def test_the_leg_goes_when_the_final_response_can_no_longer_be_repeated(self, store):
        await commit_together(store, [a_commit("call-0"), a_commit("call-1"), a_commit("live")])
        await commit(store, a_commit("call-0", 2, ended_at=2_000.0))
        await commit(store, a_commit("call-1", 2, ended_at=2_000.1))
        store.prune(2_000.1 + ENDED_LEG_KEPT_S)
        await pass_by(store)
        assert [stored.leg for stored in store.ended_calls(0.0)] == [b"", b"leg of call-1"]
        assert [stored.leg for stored in store.live_calls()] == [b"leg of live"]

    @pytest.mark.asyncio
    async def test_ended_calls_go_by_age_and_live_ones_never(self, store):
        await commit_together(store, [a_commit("old"), a_commit("edge"), a_commit("live")])
        await commit_together(store, [a_commit("old", 2, ended_at=1_999.9), a_commit("edge", 2, ended_at=2_000.0)])
        store.prune(2_000.0 + RETENTION.calls_kept_for_s)
        await pass_by(store)
        assert ids(store.ended_calls(0.0)) == ["edge"]
        assert ids(store.live_calls()) == ["live"]

    @pytest.mark.asyncio
    async def test_the_newest_calls_are_kept(self, store):
        await commit(store, a_commit("live"))
        await commit_together(store, [a_commit(f"call-{n}", ended_at=1_000.0) for n in range(RETENTION.calls_kept + 2)])
        store.prune(1_000.0)
        await pass_by(store)
        assert [call.call_id for call in store.recent_calls(99)] == [
            "call-6", "call-5", "call-4", "call-3", "call-2", "live",
        ]  # fmt: skip

    @pytest.mark.asyncio
    async def test_receipts_go_by_age_and_number(self, store):
        for n in range(RETENTION.receipts_kept + 2):
            await save_receipt(store, a_receipt(f"r{n}", accepted_at=1_000.0 + n))
        found = [n for n in range(7) if store.find_receipt(SCOPE, f"r{n}")]
        assert found == [0, 1, 2, 3, 4, 5, 6]
        store.prune(1_000.0)
        await pass_by(store)
        assert [n for n in range(7) if store.find_receipt(SCOPE, f"r{n}")] == [2, 3, 4, 5, 6]
        store.prune(1_003.0 + RETENTION.receipts_kept_for_s)
        await pass_by(store)
        assert [n for n in range(7) if store.find_receipt(SCOPE, f"r{n}")] == [3, 4, 5, 6]

    @pytest.mark.asyncio
    async def test_expired_events_go_and_the_others_stay(self, store):
        longer = tuple(an_event(f"e{n}") for n in range(RETENTION.events_pending - 1))
        await commit(store, a_commit("call-0", events=(*longer, an_event("short", expires_at=3_000.0))))
        store.prune(2_999.9 + EXPIRED_EVENT_KEPT_S)
        await pass_by(store)
        assert event_ids(store) == ["e0", "e1", "e2", "e3", "short"]
        store.prune(3_000.0 + EXPIRED_EVENT_KEPT_S)
        await pass_by(store)
        assert event_ids(store) == ["e0", "e1", "e2", "e3"]
        assert store.events_dropped == 0

    @pytest.mark.asyncio
    async def test_too_many_events_lose_the_oldest_and_it_is_counted(self, store):
        events = tuple(an_event(f"e{n}") for n in range(RETENTION.events_pending + 2))
        await commit(store, a_commit("call-0", events=events))
        store.prune(2_000.0)
        await pass_by(store)
        assert event_ids(store) == ["e2", "e3", "e4", "e5", "e6"]
        assert store.events_dropped == 2

    @pytest.mark.asyncio
    async def test_a_long_backlog_goes_in_steps_by_one_request(self, store):
        count = 3 * PRUNE_ROWS + 7
        await commit_together(
            store,
            [
                a_commit(f"call-{n}", ended_at=1_000.0, events=(an_event(f"e{n}"),), receipt=a_receipt(f"r{n}"))
                for n in range(count)
            ],
        )
        store.prune(9_000.0)
        store.prune(9_000.0)
        await pass_by(store, times=10)
        assert store.recent_calls(count) == []
        assert store.pending_events() == []
        assert [n for n in range(count) if store.find_receipt(SCOPE, f"r{n}")] == []


class TestSecrets:
    @pytest.mark.asyncio
    async def test_a_secret_is_made_once(self, store):
        assert store.secret("context", lambda: b"\x00first") == b"\x00first"
        assert store.secret("context", lambda: b"second") == b"\x00first"
        assert store.secret("another", lambda: b"third") == b"third"


class TestClose:
    @pytest.mark.asyncio
    async def test_what_was_given_is_finished_and_what_comes_after_is_refused(self, store):
        answers: list[CallError | None] = []
        store.commit(a_commit("call-0"), answers.append)
        assert store.is_writable()
        store.close()
        store.close()
        assert not store.is_writable()
        store.delivered(an_event("e1"))
        store.prune(9_000.0)
        refused = await commit(store, a_commit("call-1"))
        assert isinstance(refused, StoreUnavailable)
        assert isinstance(await save_receipt(store, a_receipt("r1")), StoreUnavailable)
        assert answers == [None]


class TestAddEvents:
    @pytest.mark.asyncio
    async def test_events_without_a_change_are_pending_like_any_other(self, store):
        await commit(store, a_commit("a", events=(an_event("e1"),)))
        assert await add_events(store, an_event("e2"), an_event("e1"), an_event("e3", "dev/other")) is None
        assert event_ids(store) == ["e1", "e2", "e3"]
        store.delivered(an_event("e2"))
        await pass_by(store)
        assert event_ids(store) == ["e1", "e3"]

    @pytest.mark.asyncio
    async def test_a_closed_store_takes_none(self, store):
        store.close()
        assert isinstance(await add_events(store, an_event("e1")), StoreUnavailable)
