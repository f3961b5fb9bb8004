import pytest

from strowger.calls.errors import HopClosed
from strowger.storage.database import open_writer
from strowger.storage.queries import QUERIES
from strowger.storage.retention import EXPIRED_EVENT_KEPT_S, PRUNE_ROWS, Retention
from strowger.storage.statements import Pruned, Pruning, prune_step, write_commit, write_receipt
from tests.support.storage import a_commit, a_receipt, an_event


@pytest.fixture
def cursor(tmp_path):
    connection = open_writer(tmp_path / "strowger.db", "NORMAL", 0)
    yield connection.cursor()
    connection.close()


def rows(cursor, table):
    return cursor.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_a_decision_writes_its_rows_and_a_lost_one_none(cursor):
    unit = a_commit("abcd", events=(an_event("e1"), an_event("e2")), receipt=a_receipt("r1"))
    assert write_commit(cursor, unit) is None
    assert [rows(cursor, table) for table in ("calls", "legs", "outbox", "receipts")] == [1, 1, 2, 1]
    changes = cursor.connection.total_changes
    late = a_commit("abcd", events=(an_event("e3"),), withdrawn="e1", receipt=a_receipt("r2"))
    error = write_commit(cursor, late)
    assert isinstance(error, HopClosed)
    assert str(error) == "somebody else decided first: revision 1 does not follow the stored one"
    assert cursor.connection.total_changes == changes


def test_one_step_drops_at_most_its_number_of_rows_and_says_where_to_go_on(cursor):
    for n in range(2 * PRUNE_ROWS + 1):
        events = (an_event(f"e{n}", expires_at=50.0),)
        write_commit(
            cursor, a_commit(f"c{n}", ended_at=1.0, events=events, receipt=a_receipt(f"r{n}", accepted_at=1.0))
        )
    retention = Retention(calls_kept_for_s=10.0, receipts_kept_for_s=10.0)
    step: Pruning | None = Pruning(100.0 + EXPIRED_EVENT_KEPT_S)
    left = []
    while step is not None:
        pruned = prune_step(cursor, retention, step)
        left.append([rows(cursor, table) for table in ("calls", "outbox", "receipts")])
        step = pruned.following
    assert left == [[PRUNE_ROWS + 1] * 3, [1] * 3, [0] * 3, [0] * 3]


def test_expired_events_are_found_behind_more_than_a_step_of_lasting_ones(cursor):
    lasting = tuple(an_event(f"e{n}") for n in range(PRUNE_ROWS))
    write_commit(cursor, a_commit("abcd", events=(*lasting, an_event("short", expires_at=50.0))))
    now = 50.0 + EXPIRED_EVENT_KEPT_S
    first = prune_step(cursor, Retention(), Pruning(now))
    assert first.following
    assert first == Pruned(Pruning(now, after=PRUNE_ROWS), 0)
    assert rows(cursor, "outbox") == PRUNE_ROWS + 1
    second = prune_step(cursor, Retention(), first.following)
    assert second.following
    assert second == Pruned(Pruning(now, after=PRUNE_ROWS + 1), 0)
    assert rows(cursor, "outbox") == PRUNE_ROWS
    assert prune_step(cursor, Retention(), second.following) == Pruned(None, 0)


def test_gaps_in_the_outbox_are_not_taken_for_events(cursor):
    events = tuple(an_event(f"e{n}") for n in range(10))
    write_commit(cursor, a_commit("abcd", events=events))
    cursor.execute("DELETE FROM outbox WHERE number BETWEEN 2 AND 8")
    assert prune_step(cursor, Retention(events_pending=3), Pruning(1.0)).events_dropped == 0
    assert prune_step(cursor, Retention(events_pending=2), Pruning(1.0)).events_dropped == 1
    assert [row[0] for row in cursor.execute(QUERIES["pending_events"])] == ["e8", "e9"]


def test_a_step_with_nothing_to_do_writes_nothing(cursor):
    write_receipt(cursor, a_receipt("r1"))
    write_commit(cursor, a_commit("abcd"))
    changes = cursor.connection.total_changes
    assert prune_step(cursor, Retention(), Pruning(1_000.0)) == Pruned(None, 0)
    assert cursor.connection.total_changes == changes


@pytest.mark.parametrize(
    ("name", "values", "index"),
    [
        ("find_receipt", ("", ""), "sqlite_autoindex_receipts_1 (scope=? AND request_id=?)"),
        ("update_call", ("", 0.0, 2, b"", "", 1), "sqlite_autoindex_calls_1 (call_id=?)"),
        ("find_calls_between", ("", ""), "sqlite_autoindex_calls_1 (call_id>? AND call_id<?)"),
        ("withdraw_event", ("",), "sqlite_autoindex_outbox_1 (event_id=?)"),
        ("delete_delivered", ("", ""), "sqlite_autoindex_outbox_1 (event_id=? AND subscription=?)"),
        ("receipt_ids", (0, 1), "INTEGER PRIMARY KEY (rowid>?)"),
        ("newest_receipt", (), "SEARCH receipts"),
    ],
)
def test_what_is_asked_often_is_found_by_an_index(cursor, name, values, index):
    plan = [row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {QUERIES[name]}", values)]
    assert any(detail.endswith(index) for detail in plan)
    assert not any(detail.startswith("SCAN") for detail in plan)


@pytest.mark.parametrize(("name", "values"), [("live_calls", ()), ("drop_legs", (0.0, 1))])
def test_calls_with_a_leg_are_found_by_walking_the_few_legs(cursor, name, values):
    plan = [row[3] for row in cursor.execute(f"EXPLAIN QUERY PLAN {QUERIES[name]}", values)]
    assert "SEARCH calls USING INTEGER PRIMARY KEY (rowid=?)" in plan
    assert [detail for detail in plan if detail.startswith("SCAN")] == ["SCAN legs"]
    assert not any("TEMP B-TREE" in detail for detail in plan)


def test_a_call_that_is_dropped_takes_its_leg_along(cursor):
    write_commit(cursor, a_commit("old", ended_at=1_000.0))
    write_commit(cursor, a_commit("live"))
    write_commit(cursor, a_commit("new", ended_at=1_000.0))
    prune_step(cursor, Retention(calls_kept=1), Pruning(1_001.0))
    assert cursor.execute("SELECT call_id, leg FROM calls JOIN legs USING (number)").fetchall() == [
        ("live", b"leg of live"),
        ("new", b"leg of new"),
    ]
