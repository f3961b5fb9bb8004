"""The order in which servers of one service are tried: by priority, and by lot among equals (RFC 2782, page 4).

Trunks with priority and weight are ordered by the same rule.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Final, Protocol, TypeAlias, TypeVar

Draw: TypeAlias = Callable[[], float]
"""A number from 0 up to but not including 1, another one each time."""

_DRAW_BYTES: Final = 8
_DRAWS: Final = 1 << (8 * _DRAW_BYTES - 11)
"""53 bits: what a float holds exactly."""


class Weighted(Protocol):
    """What has a priority, lower first, and a weight among those of the same priority."""

    @property
    def priority(self) -> int: ...
    @property
    def weight(self) -> int: ...


WeightedT = TypeVar("WeightedT", bound=Weighted)


def in_order(choices: Iterable[WeightedT], draw: Draw) -> list[WeightedT]:
    """All choices, the one to try first at the front. Each is picked before its equals in proportion to its weight.

    Weight 0 is picked before a greater one only by the rarest chance; where all weights are 0, all are equal.
    """
    ordered: list[WeightedT] = []
    # Stable, so that what has the same priority and weight keeps the order it came in.
    left = sorted(choices, key=lambda choice: (choice.priority, choice.weight > 0))
    while left:
        equals = [choice for choice in left if choice.priority == left[0].priority]
        picked = equals[_pick([choice.weight for choice in equals], draw)] if len(equals) > 1 else equals[0]
        ordered.append(picked)
        left.remove(picked)
    return ordered


def by_lot(addresses: Iterable[str], draw: Draw) -> list[str]:
    """The same addresses in an order that depends on nothing but the draw."""
    ordered: list[str] = []
    left = sorted(addresses)
    while left:
        ordered.append(left.pop(int(draw() * len(left)) if len(left) > 1 else 0))
    return ordered


def _pick(weights: list[int], draw: Draw) -> int:
    """The index of the first running sum that reaches a number drawn between 0 and the sum of all.

    Not a whole number: of two trunks with weight 1 each, those from 0 to 2 would favour the first by 2 : 1.
    """
    if not any(weights):
        return int(draw() * len(weights))
    drawn = draw() * sum(weights)
    return next(index for index, running in enumerate(accumulate(weights)) if running >= drawn)


def keyed_draw(key: bytes, what: str) -> Draw:
    """Chance that repeats itself for the same secret `key` and `what`, such as the id of a call.

    With it a call goes to the same server again after a restart, and a retransmission to where the request went (RFC
    3263 §4.4).
    """
    drawn = 0

    def draw() -> float:
        nonlocal drawn
        drawn += 1
        octets = hashlib.blake2b(f"{drawn} {what}".encode(), key=key[:64], digest_size=_DRAW_BYTES).digest()
        return (int.from_bytes(octets) >> 11) / _DRAWS

    return draw
