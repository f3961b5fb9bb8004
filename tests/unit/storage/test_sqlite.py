"""The SQLite store as a whole: files, restarts, crashes. What all stores share is in test_store_contract.py."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

import strowger
from strowger.calls.errors import CallError, StoreUnavailable
from strowger.storage.errors import DatabaseTooNew, DatabaseUnusable, DirectoryInUse
from strowger.storage.lock import LOCK_NAME
from strowger.storage.migrate import migrations
from strowger.storage.retention import Retention
from strowger.storage.sqlite import SqliteStore
from tests.support.storage import SCOPE, a_commit, a_receipt, an_event, commit, pass_by, save_receipt


@pytest.fixture
def path(tmp_path):
    return tmp_path / "data" / "strowger.db"


def open_store(path, **settings):
    return SqliteStore.open(path, loop=asyncio.get_running_loop(), retention=Retention(), **settings)


@pytest_asyncio.fixture
async def store(path):
    opened = open_store(path)
    yield opened
    opened.close()


@pytest.mark.asyncio
async def test_everything_is_there_after_a_restart(path, store):
    await commit(store, a_commit("abcd", events=(an_event("e1"),), receipt=a_receipt("r1")))
    await commit(store, a_commit("abcd", 2))
    secret = store.secret("context", lambda: os.urandom(32))
    store.close()
    again = open_store(path)
    (stored,) = again.live_calls()
    assert (stored.call.call_id, stored.revision, stored.leg) == ("abcd", 2, b"leg of abcd")
    assert again.pending_events() == [an_event("e1")]
    assert again.find_receipt(SCOPE, "r1") == a_receipt("r1")
    assert again.secret("context", lambda: b"never made") == secret
    again.close()


@pytest.mark.asyncio
async def test_the_directory_and_the_files_are_closed_to_others_and_the_log_is_cleared_away(path, store):
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    store.close()
    assert sorted(os.listdir(path.parent)) == ["strowger.db", LOCK_NAME]


@pytest.mark.asyncio
async def test_a_second_opener_is_refused_until_the_first_closes(path, store):
    with pytest.raises(DirectoryInUse, match=f"is in use by process {os.getpid()}"):
        open_store(path)
    with pytest.raises(DirectoryInUse):
        open_store(path.with_name("another.db"))
    store.close()
    open_store(path).close()


@pytest.mark.asyncio
async def test_a_newer_database_is_refused_and_the_directory_is_free_again(path, store):
    store.close()
    newer = len(migrations()) + 1
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO migrations VALUES (?, 'tomorrow')", (newer,))
        connection.commit()
    for _ in range(2):
        with pytest.raises(
            DatabaseTooNew, match=f"the database has schema {newer}, this program knows up to {newer - 1}"
        ):
            open_store(path)


@pytest.mark.asyncio
async def test_what_is_no_database_is_refused(path):
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1_000)
    with pytest.raises(DatabaseUnusable, match="file is not a database"):
        open_store(path)


@pytest.mark.asyncio
async def test_a_directory_that_cannot_be_locked_is_told(path):
    (path.parent / LOCK_NAME).mkdir(parents=True)
    with pytest.raises(DatabaseUnusable, match="Is a directory"):
        open_store(path)


@pytest.mark.asyncio
async def test_a_full_database_takes_changes_again_when_pruning_has_made_room(path):
    store = open_store(path, page_limit=60)
    answers: list[CallError | None] = []
    while not answers or answers[-1] is None:
        unit = a_commit(
            f"call-{len(answers)}", ended_at=1_000.0, leg=bytes(3_000), receipt=a_receipt(f"r{len(answers)}")
        )
        answers.append(await commit(store, unit))
    assert 5 < len(answers) < 60
    assert str(answers[-1]) == "the database cannot be written: database or disk is full"
    assert not store.is_writable()
    lost = f"call-{len(answers) - 1}"
    assert store.find_call(lost) is None
    assert store.find_receipt(SCOPE, f"r{len(answers) - 1}") is None
    store.prune(1_000_000.0)
    await pass_by(store)
    assert await commit(store, a_commit(lost)) is None
    assert store.is_writable()
    assert [call.call_id for call in store.recent_calls(99)] == [lost]
    store.close()


@pytest.mark.asyncio
async def test_reads_keep_no_part_of_the_log_in_use(path, store):
    await save_receipt(store, a_receipt("r1"))
    await commit(store, a_commit("abcd"))
    for read in (
        store.live_calls,
        store.pending_events,
        lambda: store.find_call("abcd"),
        lambda: store.recent_calls(1),
    ):
        read()
    assert store.find_receipt(SCOPE, "r1")
    with closing(sqlite3.connect(path)) as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0
    assert path.with_name("strowger.db-wal").stat().st_size == 0


@pytest.mark.asyncio
async def test_a_request_id_that_was_never_saved_is_not_looked_up(path, store):
    await save_receipt(store, a_receipt("r1"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE receipts")
    assert store.find_receipt(SCOPE, "r2") is None
    with pytest.raises(StoreUnavailable, match="no such table: receipts"):
        store.find_receipt(SCOPE, "r1")


@pytest.mark.asyncio
async def test_a_store_that_is_closed_cannot_be_read(store):
    store.close()
    for read in (store.live_calls, lambda: store.find_receipt(SCOPE, "r1"), lambda: store.secret("x", bytes)):
        with pytest.raises(StoreUnavailable, match="the database cannot be read"):
            read()


@pytest.mark.asyncio
async def test_a_secret_that_cannot_be_stored_is_not_given_out(path, store):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER refuse BEFORE INSERT ON secrets BEGIN SELECT raise(ABORT, 'no room'); END")
    with pytest.raises(StoreUnavailable, match="the secret context cannot be stored: no room"):
        store.secret("context", lambda: b"value")


WRITE_UNTIL_KILLED = """
import asyncio, os, sys
from pathlib import Path
from strowger.storage.retention import Retention
from strowger.storage.sqlite import SqliteStore
from tests.support.storage import a_commit, a_receipt, an_event, commit

async def one(store, worker):
    for n in range(100_000):
        call_id = f"{worker:02}-{n:06}"
        for revision in (1, 2):
            name = f"{call_id}-{revision}"
            unit = a_commit(call_id, revision, events=(an_event(f"e{name}"),), receipt=a_receipt(name))
            assert await commit(store, unit) is None
            os.write(1, f"{call_id} {revision}\\n".encode())

async def main():
    store = SqliteStore.open(Path(sys.argv[1]), loop=asyncio.get_running_loop(), retention=Retention())
    await asyncio.gather(*(one(store, worker) for worker in range(8)))

asyncio.run(main())
"""


def run_until_killed(path: Path, acknowledged: int) -> list[str]:
    """Everything a writing process acknowledged until it was killed, after at least so many lines."""
    source = Path(strowger.__file__).parents[1]
    environ = {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{source.parent}"}
    command = [sys.executable, "-c", WRITE_UNTIL_KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(acknowledged)]
        child.send_signal(signal.SIGKILL)
        return lines + child.stdout.readlines()


@pytest.mark.slow
@pytest.mark.asyncio
@pytest.mark.parametrize("acknowledged", [1, 40, 400])
async def test_every_acknowledged_change_survives_a_kill(path, acknowledged):
    lines = run_until_killed(path, acknowledged)
    last = dict(line.split() for line in lines)

    store = open_store(path)  # the lock has gone with its holder
    stored = {each.call.call_id: each for each in store.live_calls()}
    receipts = [line for line in lines if store.find_receipt(SCOPE, line.strip().replace(" ", "-")) is None]
    events = {entry.event_id for entry in store.pending_events()}
    store.close()
    assert len(lines) >= acknowledged
    assert [call_id for call_id, revision in last.items() if stored[call_id].revision < int(revision)] == []
    assert receipts == []
    whole = {f"e{each.call.call_id}-{n}" for each in stored.values() for n in range(1, each.revision + 1)}
    assert events == whole
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
