"""Draws what happened as a ladder: one column for each party, one line for each message, time running down.

Plain ASCII, 80 columns wide. Only the headings are coloured, and only on a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

SPACING = 24
MARGIN = 7
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"


class Step(NamedTuple):
    """One message from one party to another."""

    at_s: float
    """Seconds on any clock that all steps share."""
    sender: int
    """Number of the column, from 0."""
    receiver: int
    label: str
    chapter: str = ""
    """A heading above the step, for the first step that carries it."""


def draw(parties: Sequence[str], steps: Iterable[Step], *, colour: bool = False) -> Iterator[str]:
    """The lines of the ladder. Times are milliseconds since the first step."""
    ordered = sorted(steps, key=lambda step: step.at_s)
    yield _names(parties)
    told: set[str] = set()
    for step in ordered:
        if step.chapter and step.chapter not in told:
            told.add(step.chapter)
            yield _rails(len(parties))
            yield f"{BOLD}{step.chapter}{PLAIN}" if colour else step.chapter
        yield f"{(step.at_s - ordered[0].at_s) * 1000:6.1f} " + _arrow(step, len(parties))
    yield _rails(len(parties))


def _names(parties: Sequence[str]) -> str:
    *others, last = parties
    line = "    ms " + "".join(f"{name:<{SPACING}}" for name in others)
    return line[: len(line) + 1 - len(last)] + last  # which ends above its rail


def _rails(count: int) -> str:
    return " " * MARGIN + (" " * (SPACING - 1)).join("|" * count)


def _arrow(step: Step, count: int) -> str:
    left, right = sorted((step.sender, step.receiver))
    width = (right - left) * SPACING - 1
    label = f" {step.label[: width - 4]} "
    shaft = f"{label:-^{width - 1}}"
    arrow = f"{shaft}>" if step.sender == left else f"<{shaft}"
    rail = "|" + " " * (SPACING - 1)
    return (rail * left + "|" + arrow + "|" + (" " * (SPACING - 1) + "|") * (count - 1 - right)).rstrip()
