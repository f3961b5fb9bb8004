"""The writer thread: groups, isolation of faults, bounds, recovery. Groups are made certain by a gate at BEGIN."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import sqlite3
import threading
from typing import cast

import pytest
import pytest_asyncio

from strowger.calls.errors import StoreUnavailable
from strowger.storage import writer as module
from strowger.storage.database import open_writer
from strowger.storage.retention import Retention
from strowger.storage.writer import DELIVERED_LIMIT, GROUP_LIMIT, LAZY_DELETE_S, QUEUE_LIMIT, RETRY_S, Writer
from tests.support.storage import a_commit, a_receipt, an_event


class Bench:
    """A writer, the statements that begin and end its transactions, and a gate that it stops at."""

    def __init__(self, path, queue_limit=QUEUE_LIMIT):
        self.loop = asyncio.get_running_loop()
        self._path = path
        self.wake_ups = 0
        self.transactions = []
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Event()
        self.connection = open_writer(path, "FULL", 0)
        self.connection.set_trace_callback(self._trace)
        self.writer = Writer(self.connection, cast(asyncio.AbstractEventLoop, self), Retention(), queue_limit)

    def _trace(self, statement):
        if statement in {"BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"}:
            self.transactions.append(statement)
        if statement == "BEGIN IMMEDIATE":
            self.arrived.set()
            self.gate.wait()

    # The part of an event loop that the writer uses.

    def call_soon(self, *call):
        self.loop.call_soon(*call)

    def call_later(self, *call):
        return self.loop.call_later(*call)

    def call_soon_threadsafe(self, *call):
        self.wake_ups += 1
        self.loop.call_soon_threadsafe(*call)

    def is_closed(self):
        return self.loop.is_closed()

    async def write(self, work):
        return await self.submit(work)

    def submit(self, work):
        answer = self.loop.create_future()
        self.writer.submit(work, answer.set_result)
        return answer

    async def stop_at_the_gate(self):
        """Have the writer wait in a transaction; what is submitted then becomes the next groups."""
        self.arrived.clear()
        self.gate.clear()
        answer = self.submit(a_receipt("first"))
        await asyncio.to_thread(self.arrived.wait)
        self.transactions.clear()
        self.wake_ups = 0
        return answer

    def leave_room_for(self, pages):
        """Let the database grow by so many pages and no more."""
        now = self.connection.execute("PRAGMA page_count").fetchone()[0]
        self.connection.execute(f"PRAGMA max_page_count={now + pages}")

    def rows(self, table):
        return self.read(f"SELECT count(*) FROM {table}")[0][0]

    def read(self, query):
        """What is in the file. A connection of its own: the writer's holds its lock while `_trace` waits for us."""
        with contextlib.closing(sqlite3.connect(self._path)) as reader:
            return reader.execute(query).fetchall()

    def called(self, monkeypatch, method):
        """A future that is done when the writer's method has returned."""
        happened = self.loop.create_future()
        original = getattr(self.writer, method)

        def tell():
            if not happened.done():
                happened.set_result(None)

        def wrapped(*values):
            result = original(*values)
            self.loop.call_soon_threadsafe(tell)
            return result

        monkeypatch.setattr(self.writer, method, wrapped)
        return happened


@pytest_asyncio.fixture
async def bench(tmp_path):
    opened = Bench(tmp_path / "strowger.db")
    yield opened
    opened.gate.set()
    opened.writer.close()


def test_the_limits_have_their_documented_defaults():
    assert (QUEUE_LIMIT, GROUP_LIMIT, LAZY_DELETE_S, DELIVERED_LIMIT, RETRY_S) == (10_000, 200, 0.2, 10_000, 1.0)


class TestGroups:
    @pytest.mark.asyncio
    async def test_all_that_waits_is_one_transaction_and_one_wake_up(self, bench):
        first = await bench.stop_at_the_gate()
        answers = [bench.submit(a_commit(f"c{n}")) for n in range(20)]
        bench.gate.set()
        assert await asyncio.gather(first, *answers) == [None] * 21
        assert bench.transactions == ["COMMIT", "BEGIN IMMEDIATE", "COMMIT"]
        assert bench.wake_ups == 2

    @pytest.mark.asyncio
    async def test_a_group_has_a_limit(self, bench):
        first = await bench.stop_at_the_gate()
        answers = [bench.submit(a_commit(f"c{n}")) for n in range(GROUP_LIMIT + 1)]
        bench.gate.set()
        await asyncio.gather(first, *answers)
        assert bench.transactions.count("COMMIT") == 3
        assert bench.wake_ups == 3

    @pytest.mark.asyncio
    async def test_the_queue_has_a_limit_beyond_which_the_refusal_comes_at_once(self, tmp_path):
        bench = Bench(tmp_path / "strowger.db", queue_limit=3)
        first = await bench.stop_at_the_gate()
        waiting = [bench.submit(a_commit(f"c{n}")) for n in range(3)]
        refused = bench.submit(a_commit("c3"))
        assert not refused.done()  # never before submit has returned
        error = await refused
        assert isinstance(error, StoreUnavailable)
        assert str(error) == "3 changes wait to be written already"
        bench.gate.set()
        assert await asyncio.gather(first, *waiting) == [None] * 4
        assert await bench.write(a_commit("c3")) is None
        bench.writer.close()


class TestFaults:
    @pytest.mark.asyncio
    async def test_a_full_disk_fails_the_whole_group_and_only_it(self, bench):
        bench.leave_room_for(pages=2)
        first = await bench.stop_at_the_gate()
        answers = [bench.submit(a_commit("small")), bench.submit(a_commit("large", leg=bytes(100_000)))]
        answers += [bench.submit(a_receipt("r1"))]
        bench.gate.set()
        assert await first is None
        errors = await asyncio.gather(*answers)
        assert [str(error) for error in errors] == ["the database cannot be written: database or disk is full"] * 3
        assert {type(error) for error in errors} == {StoreUnavailable}
        assert not bench.writer.writable
        assert await bench.write(a_commit("small")) is None
        assert bench.writer.writable
        assert (bench.rows("calls"), bench.rows("receipts")) == (1, 1)  # the first receipt

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        "work",
        [
            a_commit("bad", events=(an_event("e1"), an_event("e2", "half a \ud800 pair"))),
            a_commit("bad", receipt=a_receipt("r2", status=2**63)),
            a_commit("bad", leg=object()),  # type: ignore[arg-type]
            a_receipt("r2", status=None),  # type: ignore[arg-type]
        ],
    )
    async def test_what_cannot_be_stored_fails_alone(self, bench, work):
        first = await bench.stop_at_the_gate()
        answers = [bench.submit(each) for each in (a_commit("before", events=(an_event("e0"),)), work, a_receipt("r1"))]
        bench.gate.set()
        _, before, bad, after = await asyncio.gather(first, *answers)
        assert (before, after) == (None, None)
        assert isinstance(bad, StoreUnavailable)
        assert str(bad).startswith("the change cannot be stored: ")
        assert [bench.rows(table) for table in ("calls", "outbox", "receipts")] == [1, 1, 2]
        assert bench.writer.writable

    @pytest.mark.asyncio
    async def test_the_disk_is_tried_again_without_being_asked(self, bench, monkeypatch, tmp_path):
        monkeypatch.setattr(module, "RETRY_S", 0.01)
        await bench.write(a_commit("before"))
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = (tmp_path / "strowger.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))  # every write behind this size fails
        try:
            error = await bench.write(a_commit("during", leg=bytes(50_000)))
            assert isinstance(error, StoreUnavailable)
            assert not bench.writer.writable
            recovered = bench.called(monkeypatch, "_succeeded")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await recovered
        assert bench.writer.writable
        assert await bench.write(a_commit("during")) is None
        assert bench.rows("calls") == 2

    @pytest.mark.asyncio
    async def test_pruning_that_fails_can_be_asked_for_again(self, bench, monkeypatch):
        await bench.write(a_commit("c1", ended_at=1_000.0))
        failing = pytest.MonkeyPatch()
        failing.setattr(module, "prune_step", lambda *_: bench.connection.execute("SELECT no_such_column"))
        failed = bench.called(monkeypatch, "_failed")
        bench.writer.prune(1_000_000.0)
        await failed
        failing.undo()
        assert await bench.write(a_commit("c2")) is None
        bench.writer.prune(1_000_000.0)
        await bench.write(a_receipt("r1"))
        await bench.write(a_receipt("r2"))
        assert bench.rows("calls") == 1

    @pytest.mark.asyncio
    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    async def test_nobody_waits_for_a_thread_that_has_died(self, bench, monkeypatch):
        def broken(*_):
            raise KeyError("a mistake of ours")

        first = await bench.stop_at_the_gate()
        monkeypatch.setattr(module, "write_commit", broken)
        answers = [bench.submit(a_commit("c1")), bench.submit(a_commit("c2"))]
        bench.gate.set()
        assert await first is None
        assert [str(error) for error in await asyncio.gather(*answers)] == ["the writer has ended"] * 2
        assert not bench.writer.writable
        assert isinstance(await bench.write(a_commit("c3")), StoreUnavailable)


class TestDelivered:
    @pytest.mark.asyncio
    async def test_an_entry_goes_with_the_next_group_without_a_transaction_of_its_own(self, bench):
        entries = tuple(an_event(f"e{n}") for n in range(3))
        await bench.write(a_commit("c1", events=entries))
        bench.transactions.clear()
        for entry in entries[:2]:
            bench.writer.delivered(entry)
        await bench.write(a_commit("c2"))
        assert bench.transactions == ["BEGIN IMMEDIATE", "COMMIT"]
        assert bench.rows("outbox") == 1

    @pytest.mark.asyncio
    async def test_entries_go_by_themselves_when_nothing_else_is_written(self, bench, monkeypatch):
        entries = tuple(an_event(f"e{n}") for n in range(3))
        await bench.write(a_commit("c1", events=entries))
        monkeypatch.setattr(module, "LAZY_DELETE_S", 0.0)
        written = bench.called(monkeypatch, "_write")
        bench.transactions.clear()
        for entry in entries:
            bench.writer.delivered(entry)
        await written
        assert bench.transactions == ["BEGIN IMMEDIATE", "COMMIT"]
        assert bench.rows("outbox") == 0

    @pytest.mark.asyncio
    async def test_entries_survive_a_failed_group(self, bench):
        await bench.write(a_commit("c1", events=(an_event("e1"),)))
        bench.leave_room_for(pages=2)
        bench.writer.delivered(an_event("e1"))
        assert await bench.write(a_commit("large", leg=bytes(100_000))) is not None
        assert bench.rows("outbox") == 1
        await bench.write(a_commit("c2"))
        assert bench.rows("outbox") == 0

    @pytest.mark.asyncio
    async def test_an_entry_that_was_never_stored_harms_nobody_for_long(self, bench):
        bench.writer.delivered(an_event("e1", "half a \ud800 pair"))
        assert isinstance(await bench.write(a_commit("c1")), StoreUnavailable)
        assert await bench.write(a_commit("c1")) is None
        assert bench.writer.writable

    @pytest.mark.asyncio
    async def test_beyond_the_limit_the_oldest_stay(self, tmp_path, monkeypatch):
        monkeypatch.setattr(module, "DELIVERED_LIMIT", 2)
        bench = Bench(tmp_path / "strowger.db")
        entries = tuple(an_event(f"e{n}") for n in range(3))
        await bench.write(a_commit("c1", events=entries))
        for entry in entries:
            bench.writer.delivered(entry)
        await bench.write(a_commit("c2"))
        assert bench.read("SELECT event_id FROM outbox") == [("e0",)]
        bench.writer.close()


class TestClose:
    @pytest.mark.asyncio
    async def test_everything_given_is_written_delivered_entries_too(self, bench, tmp_path):
        await bench.write(a_commit("c0", events=(an_event("e1"),)))
        first = await bench.stop_at_the_gate()
        answers = [bench.submit(a_commit(f"c{n}")) for n in range(1, 2 * GROUP_LIMIT)]
        bench.writer.delivered(an_event("e1"))
        bench.writer.prune(1_000.0)
        bench.gate.set()
        bench.writer.close()
        assert await asyncio.gather(first, *answers) == [None] * (2 * GROUP_LIMIT)
        again = sqlite3.connect(tmp_path / "strowger.db")
        assert again.execute("SELECT count(*) FROM calls").fetchone() == (2 * GROUP_LIMIT,)
        assert again.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
        again.close()

    def test_an_event_loop_that_has_gone_is_no_reason_to_lose_a_change(self, tmp_path):
        path = tmp_path / "strowger.db"
        loop = asyncio.new_event_loop()
        writer = Writer(open_writer(path, "FULL", 0), loop, Retention())
        loop.close()
        writer.submit(a_commit("c1"), print)
        writer.close()
        writer.close()
        again = sqlite3.connect(path)
        assert again.execute("SELECT call_id FROM calls").fetchall() == [("c1",)]
        again.close()
