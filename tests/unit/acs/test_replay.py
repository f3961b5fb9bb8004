from __future__ import annotations

from strowger.acs.replay import SignatureMemory

FIRST = bytes(range(32))


def digest(number: int) -> bytes:
    return number.to_bytes(8, "big") + bytes(24)


def test_the_same_id_is_a_retry() -> None:
    memory = SignatureMemory(remembered=10, valid_for_s=60)
    assert not memory.is_replay(FIRST, "POST", "id", 0)
    assert not memory.is_replay(FIRST, "POST", "id", 1)


def test_another_id_is_a_replay() -> None:
    memory = SignatureMemory(remembered=10, valid_for_s=60)
    memory.is_replay(FIRST, "POST", "id", 0)
    assert memory.is_replay(FIRST, "POST", "other", 1)
    assert memory.is_replay(FIRST, "POST", None, 1)


def test_an_id_added_afterwards_is_a_replay() -> None:
    memory = SignatureMemory(remembered=10, valid_for_s=60)
    memory.is_replay(FIRST, "POST", None, 0)
    assert memory.is_replay(FIRST, "POST", "id", 1)


def test_without_an_id_only_safe_methods_repeat() -> None:
    memory = SignatureMemory(remembered=10, valid_for_s=60)
    for number, (method, is_replay) in enumerate((("POST", True), ("GET", False), ("DELETE", False))):
        assert not memory.is_replay(digest(number), method, None, 0)
        assert memory.is_replay(digest(number), method, None, 1) is is_replay


def test_a_signature_is_remembered_as_long_as_its_date_is_valid() -> None:
    memory = SignatureMemory(remembered=10, valid_for_s=60)
    memory.is_replay(digest(0), "POST", "id", 0)
    memory.is_replay(FIRST, "POST", "id", 59)
    memory.is_replay(digest(1), "POST", "id", 61)
    assert memory.is_replay(FIRST, "POST", "other", 59 + 60)


def test_old_signatures_are_forgotten() -> None:
    memory = SignatureMemory(remembered=10, valid_for_s=60)
    memory.is_replay(FIRST, "POST", "id", 0)
    memory.is_replay(digest(1), "POST", "id", 121)
    assert len(memory) == 1
    assert not memory.is_replay(FIRST, "POST", "other", 121)


def test_the_memory_is_bounded() -> None:
    memory = SignatureMemory(remembered=10, valid_for_s=60)
    for number in range(1_000):
        memory.is_replay(digest(number), "POST", "id", 0)
        assert len(memory) <= 10
    assert memory.is_replay(digest(999), "POST", "other", 0)
    assert memory.is_replay(digest(995), "POST", "other", 0)


def test_a_clock_set_back_forgets_nothing_twice() -> None:
    memory = SignatureMemory(remembered=10, valid_for_s=60)
    memory.is_replay(FIRST, "POST", "id", 1_000)
    memory.is_replay(digest(1), "POST", "id", 920)
    assert memory.is_replay(FIRST, "POST", "other", 920)
