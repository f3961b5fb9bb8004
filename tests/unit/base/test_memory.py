"""The memory of this process."""

from __future__ import annotations

import os
from pathlib import Path

from strowger.base.memory import resident_bytes


def test_pages_are_octets(tmp_path: Path) -> None:
    statm = tmp_path / "statm"
    statm.write_text("12000 345 67 1 0 800 0\n", "ascii")
    assert resident_bytes(statm) == 345 * os.sysconf("SC_PAGE_SIZE")


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    assert resident_bytes(tmp_path / "statm") == 0


def test_this_process_needs_more_than_a_megabyte_and_less_than_a_tebibyte() -> None:
    assert 1 << 20 < resident_bytes() < 1 << 40
