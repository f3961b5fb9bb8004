"""The access keys of all resources on disk."""

from __future__ import annotations

import os
import threading
from itertools import count, pairwise
from pathlib import Path

import pytest

from strowger.access_keys.directory import KeyDirectory
from strowger.access_keys.errors import KeysUnusable, NoKeys
from strowger.access_keys.pair import KeyPair, new_key
from strowger.base.clock import VirtualClock


class Bench:
    """A directory whose keys are 64 times the octet 1, then 2, and so on."""

    def __init__(self, path: Path) -> None:
        self.clock = VirtualClock(wall=1_000.0)
        numbers = count(1)
        self.keys = KeyDirectory(path, wall=self.clock.wall, chance=lambda octets: bytes([next(numbers)]) * octets)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "keys")


def key(number: int, at: float = 1_000.0):
    return new_key(bytes([number]) * 64, at)


def test_keys_are_made_once(bench: Bench) -> None:
    assert bench.keys.made("r1") == (KeyPair(key(1), key(2)), True)
    assert bench.keys.made("r1") == (KeyPair(key(1), key(2)), False)
    assert bench.keys.made("r2") == (KeyPair(key(3), key(4)), True)
    assert sorted(os.listdir(bench.keys.path)) == ["r1.json", "r2.json"]


def test_a_primary_key_from_before_is_kept(bench: Bench) -> None:
    old = key(200, 7.0)
    assert bench.keys.made("r1", old) == (KeyPair(old, key(1)), True)
    assert bench.keys.made("r1", key(201)) == (KeyPair(old, key(1)), False)


def test_rotating_replaces_one_key_of_one_resource(bench: Bench) -> None:
    bench.keys.made("r1")
    bench.keys.made("r2")
    bench.clock.advance(60)
    assert bench.keys.rotate("r1", "secondary") == KeyPair(key(1), key(5, 1_060.0)) == bench.keys.read("r1")
    assert bench.keys.rotate("r1", "primary") == KeyPair(key(6, 1_060.0), key(5, 1_060.0)) == bench.keys.read("r1")
    assert bench.keys.read("r2") == KeyPair(key(3), key(4))


def test_where_there_are_none_nothing_is_made_by_asking(bench: Bench) -> None:
    for ask in (lambda: bench.keys.read("r1"), lambda: bench.keys.rotate("r1", "primary")):
        with pytest.raises(NoKeys):
            ask()
    assert bench.keys.stamp("r1") is None
    assert not bench.keys.path.exists()
    bench.keys.made("r2")
    with pytest.raises(NoKeys):
        bench.keys.rotate("r1", "primary")


@pytest.mark.parametrize(
    ("octets", "mode", "why"), [(b"{", 0o600, "does not hold two access keys"), (b"", 0o644, "is open to other users")]
)
def test_what_cannot_be_used_is_never_replaced(bench: Bench, octets: bytes, mode: int, why: str) -> None:
    bench.keys.made("r1")
    path = bench.keys.path_of("r1")
    path.write_bytes(octets)
    path.chmod(mode)
    for use in (
        lambda: bench.keys.read("r1"),
        lambda: bench.keys.made("r1"),
        lambda: bench.keys.rotate("r1", "primary"),
    ):
        with pytest.raises(KeysUnusable, match=why):
            use()
    assert path.read_bytes() == octets


def test_a_directory_that_others_may_enter_is_refused(bench: Bench) -> None:
    bench.keys.made("r1")
    bench.keys.path.chmod(0o755)
    for use in (lambda: bench.keys.read("r1"), lambda: bench.keys.made("r1")):
        with pytest.raises(KeysUnusable, match="chmod 700"):
            use()


def test_the_stamp_changes_with_each_rotation_and_when_others_are_let_in(bench: Bench) -> None:
    bench.keys.made("r1")
    stamps = [bench.keys.stamp("r1")]
    assert bench.keys.stamp("r1") == stamps[0]
    for _ in range(5):
        bench.keys.rotate("r1", "primary")
        stamps.append(bench.keys.stamp("r1"))
    assert all(before != after for before, after in pairwise(stamps))
    os.utime(bench.keys.path_of("r1"), ns=(1, 1))
    assert bench.keys.stamp("r1") != stamps[-1]


def test_of_two_programs_that_begin_at_once_both_have_the_same_keys(tmp_path: Path) -> None:
    found: list[KeyPair] = []

    def begin() -> None:
        found.append(KeyDirectory(tmp_path / "keys", wall=lambda: 1.0).made("r1")[0])

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len({pair.keys for pair in found}) == 1


def test_no_rotation_is_lost_when_two_programs_rotate_at_once(tmp_path: Path) -> None:
    directory = KeyDirectory(tmp_path / "keys", wall=lambda: 1.0)
    before, _ = directory.made("r1")
    threads = [threading.Thread(target=directory.rotate, args=("r1", which)) for which in ("primary", "secondary")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    after = directory.read("r1")
    assert not set(after.keys) & set(before.keys)
