"""Which trunks a call to the outside may take, in the order to try them.

The longest match picks the route; of its trunks those that do not serve are left out, and the rest are ordered by
priority and, among equals, by lot in proportion to their weight (RFC 2782, page 4). Failing over is `failover`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from strowger.base.text import printable
from strowger.calls.directory import escape_user
from strowger.sip.location.weighted import Draw, in_order
from strowger.sip.trunk.errors import EveryTrunkDown, NoRoute
from strowger.sip.trunk.trunk import Route, Trunk

TRUNKS_PER_CALL: Final = 8
"""Trunks one call tries at most: each may keep the caller waiting for Timer B."""
_SHOWN: Final = 64
"""Characters of an unroutable target in the reason."""


class Candidate(NamedTuple):
    """One trunk to try."""

    trunk: str
    """Its name."""
    uri: str
    """The Request-URI there."""


class Fitness(Protocol):
    """Who knows how the trunks are."""

    def is_usable(self, trunk: str) -> bool:
        """Whether calls may go there."""

    def why(self, trunk: str) -> str:
        """What was heard of it last, in words."""

    def held_until(self, trunk: str) -> float | None:
        """When its hold is over; None when it is not on hold."""


class Selection:
    """All routes and trunks, ready for lookup."""

    def __init__(self, trunks: Iterable[Trunk], routes: Iterable[Route], fitness: Fitness) -> None:
        """Raises ValueError for a route to a trunk that does not exist."""
        self._trunks: Mapping[str, Trunk] = {trunk.name: trunk for trunk in trunks}
        # Stable: of two equally precise routes the one that was written first wins.
        self._routes = sorted(routes, key=lambda route: -route.precision)
        self._fitness = fitness
        for route in self._routes:
            unknown = [name for name in route.to if name not in self._trunks]
            if unknown or not route.to:
                raise ValueError(f"the route {route.match} leads to no trunk called {', '.join(unknown)}")

    def has(self, name: str) -> bool:
        """Whether there is such a trunk."""
        return name in self._trunks

    def trunk(self, name: str) -> Trunk:
        """A trunk by its name. Raises KeyError."""
        return self._trunks[name]

    def route(self, kind: str, dialled: str) -> Route:
        """The route to a target. Raises NoRoute."""
        for route in self._routes:
            if route.matches(kind, dialled):
                return route
        raise NoRoute(f"no route leads to {printable(dialled, _SHOWN)}")

    def matching(self, kind: str, dialled: str) -> list[Route]:
        """Every route that leads to a target; the first one decides."""
        return [route for route in self._routes if route.matches(kind, dialled)]

    @property
    def fitness(self) -> Fitness:
        """Who knows how the trunks are."""
        return self._fitness

    def candidates(self, kind: str, dialled: str, draw: Draw, now: float) -> Sequence[Candidate]:
        """The trunks to try, best first. Raises NoRoute or EveryTrunkDown."""
        route = self.route(kind, dialled)
        usable = [self._trunks[name] for name in dict.fromkeys(route.to) if self._fitness.is_usable(name)]
        if not usable:
            raise self._every_trunk_down(route, now)
        return [Candidate(each.name, uri_of(each, dialled)) for each in in_order(usable, draw)[:TRUNKS_PER_CALL]]

    def _every_trunk_down(self, route: Route, now: float) -> EveryTrunkDown:
        reasons = "; ".join(f"{name}: {self._fitness.why(name)}" for name in route.to)
        holds = [until - now for name in route.to if (until := self._fitness.held_until(name)) is not None]
        return EveryTrunkDown(f"no trunk of the route {route.match} serves now ({reasons})", min(holds, default=0.0))


def uri_of(trunk: Trunk, dialled: str) -> str:
    """The Request-URI for a number or id behind a trunk, its user part in the trunk's format and escaped."""
    scheme, _, rest = trunk.uri.partition(":")
    return f"{scheme}:{escape_user(trunk.number_format.to_trunk(dialled))}@{rest.rpartition('@')[2]}"
