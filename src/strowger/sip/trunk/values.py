"""Changing some values of a header that has many, and leaving every other byte of it alone."""

from __future__ import annotations

from collections.abc import Callable

from strowger.sip.message.grammar import split_list
from strowger.sip.message.message import Request


def rewrite(request: Request, name: str, change: Callable[[str], str]) -> None:
    """Change values; lines in which none changes keep their bytes, and so does everything if none changes at all.

    Raises BuildError.
    """
    lines = request.all(name)
    changed = [_changed(line, change) for line in lines]
    if changed == lines:
        return
    request.set(name, changed[0])
    for line in changed[1:]:
        request.append(name, line)


def _changed(line: str, change: Callable[[str], str]) -> str:
    values = split_list(line)
    changed = [change(value) for value in values]
    return line if changed == values else ", ".join(changed)
