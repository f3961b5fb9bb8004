"""docs/sip-transactions.md and the code say the same, in both directions."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from strowger.sip.transaction import invite_client, invite_server, non_invite_client, non_invite_server
from strowger.sip.transaction.timers import Timings

DOCUMENT = Path(__file__).parents[4] / "docs" / "sip-transactions.md"
MACHINES = {
    "INVITE server": invite_server,
    "Non-INVITE server": non_invite_server,
    "INVITE client": invite_client,
    "Non-INVITE client": non_invite_client,
}
UDP_DURATIONS = {"T1": 0.5, "T4": 5.0, "64·T1": 32.0}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    section = DOCUMENT.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def written(table: dict[tuple[StrEnum, StrEnum], tuple[StrEnum, Any]]) -> list[list[str]]:
    """A table of the code as the document spells it."""
    return [[state, what, after, action.__name__] for (state, what), (after, action) in table.items()]


@pytest.mark.parametrize("heading", MACHINES)
def test_document_is_the_code(heading: str) -> None:
    in_document, in_code = rows(heading), written(MACHINES[heading].TABLE)
    assert [row for row in in_document if row not in in_code] == []
    assert [row for row in in_code if row not in in_document] == []
    assert len(in_document) == len(in_code)


def test_every_action_is_explained_and_used() -> None:
    used = {row[3] for machine in MACHINES.values() for row in written(machine.TABLE)}
    assert {row[0].strip("`") for row in rows("Actions")} == used


def test_timers_have_the_durations_that_are_written() -> None:
    timings = Timings()
    listed = rows("Timers")
    assert "".join(row[0] for row in listed) == "ABDEFGHIJKLM"
    for letter, _, udp, reliable in listed:
        assert timings.duration(letter) == UDP_DURATIONS[udp.split(",")[0]]
        assert timings.duration(letter, reliable=True) == {"never armed": 0.0, "0": 0.0, "64·T1": 32.0}[reliable]


@pytest.mark.parametrize("heading", MACHINES)
def test_each_machine_is_drawn(heading: str) -> None:
    module = MACHINES[heading]
    for state in module.State:
        assert state.value in (module.__doc__ or "")
