"""What the settings say for calls that lead nowhere: who hears of a failure, and what holds when an application is
silent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from strowger.calls.identifier import Identifier, Kind

REJECT_REASONS: Final = {480: "Temporarily Unavailable", 486: "Busy Here", 603: "Decline"}
"""The statuses that a default may reject with, and their reason phrases."""


class Default(msgspec.Struct, frozen=True, gc=False):
    """What holds for a call that is held while its application is silent: a redirect, or an end."""

    after_s: float
    """How long the application has; `Limits.hold_s` bounds it. Nobody is waited for where nobody is told."""
    target: Identifier | None = None
    """Whom the call is redirected to; None rejects it."""
    status: int = 480
    """The SIP status of a rejection, one of `REJECT_REASONS`."""

    def __str__(self) -> str:
        return f"redirect to {self.target.raw_id}" if self.target is not None else f"reject with {self.status}"


class Fallbacks:
    """The settings, ready for lookup. Without any, the caller hears of every failure and nothing is done by default."""

    def __init__(
        self,
        *,
        resources: Collection[str] = (),
        numbers: Mapping[str, bool] | None = None,
        defaults: Mapping[str, Default] | None = None,
    ) -> None:
        """`resources`: whose applications hear of failures. `numbers`: where that differs, by number in E.164 form.
        `defaults`: by number as well.
        """
        self._resources = frozenset(resources)
        self._numbers = numbers or {}
        self._defaults = defaults or {}

    def returns(self, resource: str, to: Identifier) -> bool:
        """Whether a call that led nowhere after `to` decided about it is held for its application again."""
        usual = resource in self._resources
        return self._numbers.get(to.number, usual) if to.kind is Kind.PHONE_NUMBER else usual

    def default(self, to: Identifier) -> Default | None:
        """What holds when nobody decides about a call to this addressee."""
        return self._defaults.get(to.number) if to.kind is Kind.PHONE_NUMBER else None
