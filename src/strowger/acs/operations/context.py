"""The incomingCallContext as a request carries it: opaque text, checked only for size and letters."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from strowger.acs.errors import ArgumentInvalid

MAX_CONTEXT_CHARACTERS: Final = 16_384
"""Longest incomingCallContext read; the real service makes them of about 8,000 characters."""

ContextText = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_CONTEXT_CHARACTERS)]


def context(text: str) -> str:
    """The context itself. Raises ArgumentInvalid for one with letters that no context has."""
    if not (text.isascii() and text.isprintable()):
        raise ArgumentInvalid("The incomingCallContext is not one of this server.", "incomingCallContext")
    return text
