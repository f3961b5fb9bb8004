"""The head of a message: start line, header lines, and the length of the body (RFC 3261 §7, §7.3.1, §18.3).

Datagrams and streams are read by this one file, so the framer and the parser cannot disagree about where a message
ends. A bare CR or LF, a line without a proper name, and a second Content-Length are refused: each is read differently
by different implementations, which is how a header gets past a filter.
"""

from __future__ import annotations

from typing import Final

from strowger.sip.message.errors import ParseError
from strowger.sip.message.grammar import BLANK, decimal, unfold
from strowger.sip.message.limits import DEFAULT_LIMITS, MessageLimits
from strowger.sip.message.names import names_of
from strowger.sip.message.remembered import Remembered

_LARGEST_CONTENT_LENGTH: Final = 2**31 - 1


def read_head(text: str, limits: MessageLimits = DEFAULT_LIMITS) -> tuple[str, list[str], list[str]]:
    """Splits a head, given without its empty line: start line, header lines with continuations, their canonical names.

    Raises ParseError(400 or 513).
    """
    lines = text.split("\r\n")
    joined = "".join(lines)  # without the breaks; searching it is cheaper than counting them in `text`
    if "\r" in joined or "\n" in joined:
        raise ParseError(400, "The head holds a bare CR or LF")
    start = lines.pop(0)
    breaks = len(lines)
    if breaks > limits.header_lines:
        if breaks - text.count("\r\n ") - text.count("\r\n\t") > limits.header_lines:
            raise ParseError(513, "Too many header lines")
        lines = fold(lines)
    names = names_of(lines)
    if "" in names:  # a continuation line has no name either
        lines = fold(lines)
        names = names_of(lines)
        if "" in names:
            raise ParseError(400, "A header line has no proper name")
    longest = limits.header_line_bytes
    if len(text) > longest and max(map(len, (start, *lines))) > longest:
        raise ParseError(513, "A header line is too long")
    return start, lines, names


def fold(physical: list[str]) -> list[str]:
    """Joins continuation lines to the line they continue, line breaks kept.

    Raises ParseError(400) when the first line is a continuation.
    """
    if not physical:
        return []
    begins = [index for index, line in enumerate(physical) if line[:1] not in (" ", "\t")]
    if begins[:1] != [0]:
        raise ParseError(400, "The start line is folded")
    ends = [*begins[1:], len(physical)]
    return ["\r\n".join(physical[begin:end]) for begin, end in zip(begins, ends, strict=True)]


def value_of(line: str) -> str:
    """The value of a header line, unfolded and stripped."""
    value = line.partition(":")[2]
    return unfold(value) if "\r" in value else value.strip(BLANK)


def content_length(lines: list[str], names: list[str]) -> int | None:
    """The Content-Length, None when there is none; raises ParseError(400) when it is no number or given twice."""
    if "content-length" not in names:
        return None
    index = names.index("content-length")
    if "content-length" in names[index + 1 :]:
        raise ParseError(400, "Content-Length is given twice")
    return _remembered_length[lines[index]]


def _length(line: str) -> int:
    length = decimal(value_of(line), _LARGEST_CONTENT_LENGTH)
    if length is None:
        raise ParseError(400, "Content-Length is not a number")
    return length


_remembered_length = Remembered(_length)
