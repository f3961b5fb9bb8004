"""Who sent an INVITE, as far as that is known: by proof, by its address, or not at all."""

from __future__ import annotations

from typing import Final, NamedTuple

from strowger.sip.trunk.trunk import Trunk


class Sender(NamedTuple):
    """Whoever opens a call."""

    user: str = ""
    """The raw id of the user it proved to be, in lower case; empty for anybody else."""
    trunk: Trunk | None = None
    """The trunk it is, by proof or by its address."""
    is_stranger: bool = False
    """Nothing speaks for it, not even its address: what it says of itself is only that."""


TRUSTED: Final = Sender()
"""Somebody of the networks that may call unasked."""
STRANGER: Final = Sender(is_stranger=True)
