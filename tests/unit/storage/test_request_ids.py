import asyncio
import sqlite3

import pytest

from strowger.storage.database import open_reader, open_writer
from strowger.storage.request_ids import BITS_PER_ID, READ_ROWS, RequestIds
from strowger.storage.statements import write_receipt
from tests.support.storage import SCOPE, a_receipt


@pytest.fixture
def writer(tmp_path):
    connection = open_writer(tmp_path / "strowger.db", "NORMAL", 0)
    yield connection
    connection.close()


@pytest.fixture
def reader(tmp_path, writer):
    connection = open_reader(tmp_path / "strowger.db")
    yield connection
    connection.close()


def save(writer, names):
    writer.execute("BEGIN")
    for name in names:
        write_receipt(writer.cursor(), a_receipt(name))
    writer.execute("COMMIT")


def known(ids, names):
    return [name for name in names if ids.may_hold(SCOPE, name)]


def start(reader, kept=1_000):
    return RequestIds(reader, asyncio.get_running_loop(), kept)


async def read_all(reader, kept=1_000):
    ids = start(reader, kept)
    await to_the_end(ids)
    return ids


async def to_the_end(ids, steps=10):
    """Let it read all that the tests store: every step is one turn of the event loop."""
    for _ in range(steps):
        await asyncio.sleep(0)
    assert ids.is_complete


def test_the_limits_have_their_documented_defaults():
    assert (BITS_PER_ID, READ_ROWS) == (8, 500)


@pytest.mark.asyncio
async def test_what_was_saved_is_known_under_its_scope_and_most_else_is_not(reader):
    ids = await read_all(reader)
    names = [f"r{n}" for n in range(1_000)]
    for name in names:
        ids.add(SCOPE, name)
    assert known(ids, names) == names
    assert len(known(ids, [f"other{n}" for n in range(1_000)])) < 100
    assert sum(ids.may_hold("another scope", name) for name in names) < 100


@pytest.mark.asyncio
async def test_until_the_stored_ids_are_read_every_id_may_be_stored(reader):
    ids = start(reader)
    assert not ids.is_complete
    assert ids.may_hold(SCOPE, "r1")
    await asyncio.sleep(0)
    assert ids.is_complete
    assert not ids.may_hold(SCOPE, "r1")


@pytest.mark.asyncio
@pytest.mark.parametrize("count", [1, READ_ROWS - 1, READ_ROWS, READ_ROWS + 1, 3 * READ_ROWS])
async def test_the_ids_of_before_the_start_are_read_in_steps(reader, writer, count):
    names = [f"r{n}" for n in range(count)]
    save(writer, names)
    ids = start(reader, kept=10_000)
    for _ in range(count // READ_ROWS):
        await asyncio.sleep(0)
        assert not ids.is_complete
    await asyncio.sleep(0)
    assert ids.is_complete
    assert known(ids, names) == names


@pytest.mark.asyncio
async def test_only_as_many_stored_ids_as_are_kept_are_read(reader, writer):
    names = [f"r{n}" for n in range(200)]
    save(writer, names)
    ids = await read_all(reader, kept=100)
    assert known(ids, names[100:]) == names[100:]
    assert len(known(ids, names[:100])) < 20


@pytest.mark.asyncio
async def test_reading_pushes_out_nothing_that_is_saved_meanwhile(reader, writer):
    save(writer, [f"old{n}" for n in range(2 * READ_ROWS)])
    ids = start(reader, kept=2 * READ_ROWS)
    ids.add(SCOPE, "new")
    for n in range(2 * READ_ROWS - 1):
        ids.add(SCOPE, f"newer{n}")
    await to_the_end(ids)
    assert ids.may_hold(SCOPE, "new")


@pytest.mark.asyncio
async def test_at_least_as_many_ids_as_are_kept_stay_known_and_the_rest_makes_room(reader):
    ids = await read_all(reader, kept=50)
    names = [f"r{n}" for n in range(1_000)]
    for end, name in enumerate(names, start=1):
        ids.add(SCOPE, name)
        newest = names[max(end - 50, 0) : end]
        assert known(ids, newest) == newest
    assert len(known(ids, names)) < 500


@pytest.mark.asyncio
async def test_when_the_stored_ids_cannot_be_read_every_id_is_looked_up():
    closed = sqlite3.connect(":memory:")
    closed.close()
    ids = start(closed)
    await asyncio.sleep(0)
    assert not ids.is_complete
    assert ids.may_hold(SCOPE, "r1")


@pytest.mark.asyncio
async def test_reading_stops_when_it_is_closed(reader, writer):
    save(writer, [f"r{n}" for n in range(READ_ROWS)])
    ids = start(reader)
    await asyncio.sleep(0)
    ids.close()
    await asyncio.sleep(0)
    assert not ids.is_complete
