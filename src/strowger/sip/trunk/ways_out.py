"""The ways to the outside as the calls room asks for them: implements `calls.ports.WaysOut` with a selection of trunks.

What it answers is written with the call, so that after a restart the same trunks are tried in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from strowger.base.text import printable
from strowger.calls.call import Branch
from strowger.calls.errors import TargetUnreachable, TargetUnroutable
from strowger.calls.identifier import Kind
from strowger.sip.location.weighted import Draw
from strowger.sip.trunk.errors import EveryTrunkDown, NoRoute
from strowger.sip.trunk.selection import Selection
from strowger.sip.trunk.trunk import Mode

_SHOWN: Final = 64
"""Characters of a target in a reason."""
_PREFIX: Final = 3
"""Characters of an unroutable target in the advice: country code and a digit."""


class TrunkWays:
    """The trunks of the settings, as they are just now."""

    def __init__(self, selection: Selection, *, draw: Draw, monotonic: Callable[[], float]) -> None:
        """`draw` decides among trunks of the same priority."""
        self._selection = selection
        self._draw = draw
        self._now = monotonic

    def ways_out(self, kind: Kind, dialled: str) -> Sequence[Branch]:
        """The trunks to try, best first. Raises TargetUnroutable or TargetUnreachable."""
        try:
            candidates = self._selection.candidates(kind.value, dialled, self._draw, self._now())
        except NoRoute as error:
            advice = f'add a [[route]] with kind = "{kind.value}" and a match such as "{printable(dialled[:_PREFIX])}*"'
            raise TargetUnroutable(f"{error}: {advice}") from error
        except EveryTrunkDown as error:
            raise TargetUnreachable(f"{error}: try again later, or redirect to another target") from error
        exact = [each for each in candidates if self._selection.trunk(each.trunk).number_format.keeps(dialled)]
        if not exact:
            raise TargetUnroutable(f"{printable(dialled, _SHOWN)} would be another number in the form its trunk wants")
        return [Branch(candidate.uri, candidate.trunk) for candidate in exact]

    def sends_back(self, trunk: str) -> bool:
        """Whether callers that come by this trunk are told to call a new target themselves."""
        return self._selection.has(trunk) and self._selection.trunk(trunk).mode is Mode.REDIRECT
