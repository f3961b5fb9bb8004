import sqlite3

import pytest

from strowger.storage.errors import DatabaseTooNew
from strowger.storage.migrate import Migration, migrate, migrations

STEPS = migrations()


@pytest.fixture
def connection():
    opened = sqlite3.connect(":memory:", isolation_level=None)
    yield opened
    opened.close()


def schema(connection):
    return connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name").fetchall()


def test_a_new_database_has_every_table(connection):
    assert migrate(connection, STEPS) == len(STEPS)
    assert [name for kind, name, *_ in schema(connection) if kind == "table"] == [
        "bindings", "calls", "dead_letters", "identities", "legs", "migrations", "outbox", "receipts", "secrets",
        "signing_keys", "sqlite_sequence", "subscriptions", "token_passwords",
    ]  # fmt: skip
    assert connection.execute("SELECT number, name FROM migrations").fetchall() == [
        (1, "calls"), (2, "outbox"), (3, "receipts"), (4, "secrets"), (5, "bindings"), (6, "identities"),
        (7, "token_passwords"),
        (8, "subscriptions"), (9, "dead_letters"), (10, "event_numbers"),
    ]  # fmt: skip


@pytest.mark.parametrize("start", range(len(STEPS)))
def test_an_old_database_becomes_the_same_as_a_new_one_and_keeps_its_rows(connection, start):
    fresh = sqlite3.connect(":memory:", isolation_level=None)
    migrate(fresh, STEPS)
    expected = schema(fresh)
    fresh.close()

    migrate(connection, STEPS[:start])
    row = (1, "abcd", "dev", "held", 1.0, 0.0, 1, b"{}")
    leg = (1, b"leg")
    if start:
        connection.execute("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("INSERT INTO legs VALUES (?, ?)", leg)
    migrate(connection, STEPS)
    assert schema(connection) == expected
    assert connection.execute("SELECT * FROM calls").fetchall() == [row] * bool(start)
    assert connection.execute("SELECT * FROM legs").fetchall() == [leg] * bool(start)


def test_events_of_before_keep_their_numbers_and_later_ones_go_on_behind_them(connection):
    migrate(connection, STEPS[:9])
    columns = "number, event_id, subscription, call_id, created_at, expires_at, body, outlives_hop, last_outcome"
    rows = [(3, "e3", "dev/app", "c", 1.0, 2.0, b"{}", 0, ""), (7, "e7", "dev/app", "c", 3.0, 4.0, b"[]", 1, "x")]
    connection.executemany(f"INSERT INTO outbox ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    migrate(connection, STEPS)
    assert connection.execute(f"SELECT {columns} FROM outbox ORDER BY number").fetchall() == rows
    connection.execute("DELETE FROM outbox")
    later = (None, "e8", *rows[0][2:], 0, 0.0)
    connection.execute(
        f"INSERT INTO outbox ({columns}, attempts, last_attempt_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", later
    )
    assert connection.execute("SELECT number FROM outbox").fetchall() == [(8,)]


def test_a_second_run_changes_nothing(connection):
    migrate(connection, STEPS)
    before = connection.total_changes
    assert migrate(connection, STEPS) == len(STEPS)
    assert connection.total_changes == before


def test_a_newer_database_is_refused_untouched(connection):
    migrate(connection, [*STEPS, Migration(len(STEPS) + 1, "tomorrow", "CREATE TABLE tomorrow (x);")])
    before = schema(connection)
    with pytest.raises(DatabaseTooNew) as caught:
        migrate(connection, STEPS)
    assert (caught.value.found, caught.value.known) == (len(STEPS) + 1, len(STEPS))
    assert schema(connection) == before


def test_a_step_that_fails_is_undone_as_a_whole_and_the_ones_before_stay(connection):
    broken = Migration(len(STEPS) + 1, "broken", "CREATE TABLE half (x); CREATE TABLE calls (x);")
    with pytest.raises(sqlite3.OperationalError, match="table calls already exists"):
        migrate(connection, [*STEPS, broken])
    assert not connection.in_transaction
    assert "half" not in {name for _, name, *_ in schema(connection)}
    assert migrate(connection, STEPS) == len(STEPS)
