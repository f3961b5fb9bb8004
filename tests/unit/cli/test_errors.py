"""Exit codes."""

from __future__ import annotations

from strowger.cli.errors import Failed, Misconfigured, ProgramNotFound, ProgramUnusable


def test_exit_codes() -> None:
    kinds = (Failed, Misconfigured, ProgramUnusable, ProgramNotFound)
    assert [kind("why").exit_code for kind in kinds] == [1, 2, 126, 127]
