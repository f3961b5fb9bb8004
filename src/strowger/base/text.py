"""Text from strangers, made safe to print.

A header, a URI or a request target may hold escape sequences that repaint a terminal, or line ends that forge a log
line. Everything foreign goes through `printable` before it reaches a log, a terminal or an error sentence.
"""

from __future__ import annotations

from typing import Final

DEFAULT_LIMIT: Final = 200
"""Characters of foreign text kept in one log field."""

ELLIPSIS: Final = "…"

_SHORT: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str | bytes, limit: int = DEFAULT_LIMIT) -> str:
    """`text` on one line, without control, invisible or direction-changing characters, at most `limit` characters long.

    What cannot be shown becomes a backslash escape, and a backslash is doubled, so that nothing pretends to be escaped.
    Bytes are read as latin-1. Text that is cut ends in an ellipsis. Raises ValueError when `limit` is below 1.
    """
    if limit < 1:
        raise ValueError(f"a limit of {limit} characters leaves no room")
    if isinstance(text, bytes):
        text = text[: limit + 1].decode("latin-1")
    if len(text) <= limit and text.isprintable() and "\\" not in text:
        return text
    return _cut([_escape(character) for character in text[: limit + 1]], limit)


def printable_json(octets: bytes) -> str:
    """The same JSON with escapes of its own for every character that `printable` would not show."""
    text = octets.decode()
    return "".join(each if each.isprintable() or each == "\n" else _json_escape(each) for each in text)


def _json_escape(character: str) -> str:
    halves = character.encode("utf-16-be")
    return "".join(f"\\u{halves[at : at + 2].hex()}" for at in range(0, len(halves), 2))


def _escape(character: str) -> str:
    short = _SHORT.get(character)
    if short is not None:
        return short
    if character.isprintable():
        return character
    point = ord(character)
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def _cut(pieces: list[str], limit: int) -> str:
    """Join whole pieces only: half an escape would be read as something else."""
    if sum(map(len, pieces)) <= limit:
        return "".join(pieces)
    kept: list[str] = []
    room = limit - len(ELLIPSIS)
    for piece in pieces:
        if len(piece) > room:
            break
        kept.append(piece)
        room -= len(piece)
    return "".join(kept) + ELLIPSIS
