"""The health of all trunks: one machine each, and their deadlines together. Implements `selection.Fitness`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from strowger.sip.trunk.health import Health, HealthOutput, HealthPolicy


class Entry(NamedTuple):
    """One trunk as the settings describe it to the roster."""

    name: str
    policy: HealthPolicy


class Report(NamedTuple):
    """What a trunk's machine wants."""

    trunk: str
    output: HealthOutput


class Roster:
    """All trunks and how they are."""

    def __init__(self, entries: Iterable[Entry], now: float, spread: Callable[[], float]) -> None:
        """`spread` gives numbers from 0 to 1; see `Health`."""
        self._trunks = {entry.name: Health(entry.policy, now, spread) for entry in entries}

    def __getitem__(self, trunk: str) -> Health:
        return self._trunks[trunk]

    def items(self) -> Mapping[str, Health]:
        """Every trunk, for whoever shows them."""
        return self._trunks

    def is_usable(self, trunk: str) -> bool:
        """Whether calls may go there."""
        return self._trunks[trunk].is_usable

    def why(self, trunk: str) -> str:
        """What was heard of it last, in words."""
        return self._trunks[trunk].why

    def held_until(self, trunk: str) -> float | None:
        """When its hold is over; None when it is not on hold."""
        return self._trunks[trunk].held_until

    def next_deadline(self) -> float | None:
        """When `advance` has something to do. There are few trunks: no heap is needed."""
        deadlines = [at for health in self._trunks.values() if (at := health.next_deadline()) is not None]
        return min(deadlines, default=None)

    def advance(self, now: float) -> list[Report]:
        """Do what is due at every trunk."""
        return [Report(name, output) for name, health in self._trunks.items() for output in health.advance(now)]
