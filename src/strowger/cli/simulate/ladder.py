"""A call drawn as a ladder: a lane for everybody in it, an arrow for each message, time going down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from strowger.base.text import printable

LANE_WIDTH: Final = 22
"""Columns from one lane to the next."""
TIME_WIDTH: Final = 9
LONGEST_NAME: Final = LANE_WIDTH - 2


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message from one lane to another; to its own lane it is a remark."""

    at: float
    """Seconds since the ladder began."""
    source: str
    target: str
    text: str


def draw(lanes: Sequence[str], arrows: Sequence[Arrow]) -> list[str]:
    """The lines of the ladder, its arrows in the order of time."""
    columns = {lane: TIME_WIDTH + 1 + index * LANE_WIDTH for index, lane in enumerate(lanes)}
    lines = [_heading(columns)]
    for arrow in sorted(arrows, key=lambda each: each.at):
        line = _lanes(columns)
        source, target = columns[arrow.source], columns[arrow.target]
        if source == target:
            _write(line, source + 2, printable(arrow.text))
        else:
            shaft = _shaft(abs(target - source) - 1, arrow.text, rightward=source < target)
            _write(line, min(source, target) + 1, shaft)
        lines.append(f"{arrow.at:{TIME_WIDTH - 1}.3f}" + "".join(line)[TIME_WIDTH - 1 :].rstrip())
    return lines


def _heading(columns: dict[str, int]) -> str:
    line = [" "] * (max(columns.values()) + LANE_WIDTH)
    for lane, column in columns.items():
        name = printable(lane, LONGEST_NAME)
        _write(line, max(0, column - len(name) // 2), name)
    return "".join(line).rstrip()


def _lanes(columns: dict[str, int]) -> list[str]:
    line = [" "] * (max(columns.values()) + 1)
    for column in columns.values():
        line[column] = "|"
    return line


def _shaft(width: int, text: str, *, rightward: bool) -> str:
    shown = f" {printable(text, width - 6)} ".center(width - 1, "-")
    return f"{shown}>" if rightward else f"<{shown}"


def _write(line: list[str], column: int, text: str) -> None:
    line.extend(" " * (column + len(text) - len(line)))
    line[column : column + len(text)] = text
