"""What requests and responses share: the header lines and their reading and changing (RFC 3261 §7.3).

A message stays what came off the wire: lines are read when somebody asks, and written back byte for byte unless they
were changed. A proxy therefore forwards what it does not understand. Start lines and bytes are `message.py`; judging a
message is `check.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, Self

from strowger.sip.message.address import Address
from strowger.sip.message.errors import BuildError, ParseError
from strowger.sip.message.grammar import FOLD, decimal, is_token, mask, split_list, unfold
from strowger.sip.message.head import content_length, value_of
from strowger.sip.message.limits import MAX_CSEQ, MAX_FORWARDS
from strowger.sip.message.names import canonical, names_of
from strowger.sip.message.remembered import Remembered
from strowger.sip.message.via import Via


class CSeq(NamedTuple):
    """A CSeq value (RFC 3261 §20.16)."""

    number: int
    method: str


_USUAL_HOPS: Final = {str(number): number for number in range(MAX_FORWARDS + 1)}


def _parse_cseq(value: str) -> CSeq:
    digits, _, method = value.replace("\t", " ").partition(" ")
    number, method = decimal(digits, MAX_CSEQ), method.lstrip(" ")
    if number is None or not is_token(method):
        raise ParseError(400, "CSeq is not a number below 2**31 and a method")
    return CSeq(number, method)


_remembered_cseq = Remembered(_parse_cseq)


class Message:
    """What requests and responses share: header lines and body.

    `lines` may be read by everyone; change it through the methods, which keep the index of names in step. Properties
    that read a header raise ParseError(400) when it is missing or malformed.
    """

    __slots__ = ("_cseq", "_firsts", "_names", "_top_via", "body", "lines")

    def __init__(self, lines: list[str], body: bytes = b"", names: list[str] | None = None) -> None:
        self.lines = lines
        self.body = body
        self._names = names_of(lines) if names is None else names
        self._firsts: dict[str, str | None] = {}
        """First values read so far, by canonical name."""
        self._top_via: Via | None = None
        self._cseq: CSeq | None = None

    @property
    def names(self) -> Sequence[str]:
        """The canonical name of each line: long form, lower case."""
        return self._names

    @property
    def start_line(self) -> str:
        """The first line, without its line break."""
        raise NotImplementedError

    # Reading

    def first(self, name: str) -> str | None:
        """The unfolded value of the first header of that name."""
        key, firsts = canonical(name), self._firsts
        if key in firsts:
            return firsts[key]
        names = self._names
        value = firsts[key] = value_of(self.lines[names.index(key)]) if key in names else None
        return value

    def all(self, name: str) -> list[str]:
        """The unfolded value of each header line of that name, in order."""
        key = canonical(name)
        times = self._names.count(key)
        if times <= 1:
            return [self.first(key) or ""] if times else []
        return [value_of(self.lines[index]) for index, known in enumerate(self._names) if known == key]

    def values(self, name: str) -> list[str]:
        """The same, split at commas outside quotes and `<>` (RFC 3261 §7.3.1). A line without text has no values."""
        lines = self.all(name)
        return split_list(lines[0]) if len(lines) == 1 else [value for line in lines for value in split_list(line)]

    def lines_of(self, name: str) -> list[str]:
        """The header lines of that name as they were received, in order."""
        key, names = canonical(name), self._names
        times = names.count(key)
        if times <= 1:
            return [self.lines[names.index(key)]] if times else []
        return [line for line, known in zip(self.lines, names, strict=True) if known == key]

    def has(self, name: str) -> bool:
        """Whether a header of that name is there."""
        return canonical(name) in self._names

    def count(self, name: str) -> int:
        """How many header lines of that name there are."""
        return self._names.count(canonical(name))

    def _find(self, name: str) -> int:
        return self._names.index(name) if name in self._names else -1

    def _required(self, name: str) -> str:
        value = self.first(name)
        if not value:
            raise ParseError(400, f"{name} is missing")
        return value

    @property
    def call_id(self) -> str:
        """RFC 3261 §20.8."""
        return self._firsts.get("call-id") or self._required("Call-ID")

    @property
    def cseq(self) -> CSeq:
        """RFC 3261 §20.16; a number of 2**31 or more is malformed (§8.1.1.5)."""
        if self._cseq is None:
            self._cseq = _remembered_cseq[self._required("CSeq")]
        return self._cseq

    @property
    def from_(self) -> Address:
        """RFC 3261 §20.20."""
        return Address.parse(self._required("From"))

    @property
    def to(self) -> Address:
        """RFC 3261 §20.39."""
        return Address.parse(self._required("To"))

    @property
    def from_tag(self) -> str | None:
        """The tag of From; None from an RFC 2543 peer."""
        return self._tag("From")

    @property
    def to_tag(self) -> str | None:
        """The tag of To; None outside dialogs."""
        return self._tag("To")

    def _tag(self, name: str) -> str | None:
        """The tag alone: a transaction asks for no more, and most addresses end in their bracket or in the tag.

        A well-formed value that ends so can be read no other way; any other is read in full.
        """
        value = self._required(name)
        _, bracket, tail = value.rpartition(">")
        if bracket and not tail:
            return None
        if bracket and tail.startswith(";tag=") and is_token(tail[5:]):
            return tail[5:]
        return Address.parse(value).tag

    @property
    def vias(self) -> list[str]:
        """The Via values, topmost first."""
        return self.values("Via")

    @property
    def top_via(self) -> Via:
        """The first Via value, read."""
        if self._top_via is None:
            value = self._required("Via")
            self._top_via = Via.parse(split_list(value)[0] if "," in value else value)
        return self._top_via

    @property
    def max_forwards(self) -> int | None:
        """RFC 3261 §20.22; None when the header is absent."""
        value = self.first("Max-Forwards")
        if value is None:
            return None
        number = _USUAL_HOPS.get(value)
        if number is None:
            number = decimal(value, MAX_FORWARDS)
        if number is None:
            raise ParseError(400, "Max-Forwards is not a number from 0 to 255")
        return number

    @property
    def content_length(self) -> int | None:
        """The length the header claims, None when the header is absent."""
        return content_length(self.lines, self._names)

    # Changing

    def copy(self) -> Self:
        """A copy with its own list of lines; what was read already is shared."""
        twin = self._twin(self.lines.copy(), self._names.copy())
        twin._firsts = self._firsts.copy()
        twin._top_via, twin._cseq = self._top_via, self._cseq
        return twin

    def _twin(self, lines: list[str], names: list[str]) -> Self:
        """A message with the same start line and body, and these header lines."""
        raise NotImplementedError

    def set(self, name: str, value: str) -> None:
        """Replaces the first header of the name in place and removes the others, or appends it. Raises BuildError."""
        line, key = _changed_line(name, value)
        index = self._find(key)
        if index < 0:
            self._insert(len(self.lines), line, key)
            return
        self.lines[index] = line
        self._forget(key)
        if self._names.count(key) > 1:
            self._keep(lambda position: position <= index or self._names[position] != key)

    def append(self, name: str, value: str) -> None:
        """Adds a header after the last of that name, else at the end. Raises BuildError."""
        line, key = _changed_line(name, value)
        positions = [index for index, known in enumerate(self._names) if known == key]
        self._insert(positions[-1] + 1 if positions else len(self.lines), line, key)

    def prepend(self, name: str, value: str) -> None:
        """Inserts a header line before the first of that name, else at the top. Raises BuildError."""
        line, key = _changed_line(name, value)
        self._insert(max(self._find(key), 0), line, key)

    def remove(self, name: str) -> None:
        """Removes all headers of that name."""
        key = canonical(name)
        if key in self._names:
            self._keep(lambda position: self._names[position] != key)
            self._forget(key)

    def remove_where(self, name: str, is_unwanted: Callable[[str], bool]) -> None:
        """Removes the headers of that name whose unfolded value is unwanted; the others keep every byte."""
        key = canonical(name)
        unwanted = {
            position
            for position, known in enumerate(self._names)
            if known == key and is_unwanted(value_of(self.lines[position]))
        }
        if unwanted:
            self._keep(lambda position: position not in unwanted)
            self._forget(key)

    def pop_value(self, name: str) -> str | None:
        """Removes and returns the first value of that header, None when there is none.

        What follows its comma stays as it is.
        """
        key = canonical(name)
        index = self._find(key)
        if index < 0:
            return None
        self._forget(key)
        line = self.lines[index]
        start, end = _first_value(line)
        if end == len(line):
            del self.lines[index], self._names[index]
        else:
            self.lines[index] = line[:start] + line[end + 1 :]
        return unfold(line[start:end])

    def replace_value(self, name: str, value: str) -> None:
        """Replaces the first value of that header, the rest of its line untouched; appends it when absent.

        Raises BuildError.
        """
        key = canonical(name)
        index = self._find(key)
        if index < 0:
            self.append(name, value)
            return
        _changed_line(name, value)
        line = self.lines[index]
        start, end = _first_value(line)
        old = line[start:end]
        start += len(old) - len(old.lstrip(FOLD))
        end = max(start, end - (len(old) - len(old.rstrip(FOLD))))
        self.lines[index] = line[:start] + value + line[end:]
        self._forget(key)

    def _insert(self, index: int, line: str, key: str) -> None:
        self.lines.insert(index, line)
        self._names.insert(index, key)
        self._forget(key)

    def _keep(self, wanted: Callable[[int], bool]) -> None:
        kept = [position for position in range(len(self.lines)) if wanted(position)]
        self.lines[:] = [self.lines[position] for position in kept]
        self._names[:] = [self._names[position] for position in kept]

    def _forget(self, key: str) -> None:
        if key in self._firsts:
            del self._firsts[key]
        if key == "via":
            self._top_via = None
        elif key == "cseq":
            self._cseq = None

    def to_bytes(self) -> bytes:
        """The message for the wire. Content-Length is a header like any other: `make` and the builders write it."""
        return "\r\n".join((self.start_line, *self.lines, "", "")).encode("latin-1") + self.body


def _first_value(line: str) -> tuple[int, int]:
    """Where the first value begins (after the colon) and ends (before a comma, else at the end of the line)."""
    start = line.index(":") + 1
    comma = line.find(",", start)
    if comma >= 0 and ("<" in line or '"' in line):
        comma = mask(line[start:]).find(",")
        comma = comma + start if comma >= 0 else -1
    return start, len(line) if comma < 0 else comma


def check_writable(value: str) -> None:
    """Raises BuildError for a value that would end its line early or cannot be written."""
    if value.isascii() and value.isprintable():
        return
    if "\r" in value or "\n" in value or "\0" in value:
        raise BuildError("A value holds CR, LF or NUL")
    if max(value, default="") > "\xff":
        raise BuildError("A value holds characters outside Latin-1")


def _changed_line(name: str, value: str) -> tuple[str, str]:
    """A line for a message that exists. How long its body is, nobody changes: a peer would read something else."""
    line, key = _line(name, value)
    if key == "content-length":
        raise BuildError("Content-Length is what the body says")
    return line, key


def _line(name: str, value: str) -> tuple[str, str]:
    key = canonical(name)
    if not key or name[-1] in " \t":
        raise BuildError("The header name is not a token")
    if not (value.isascii() and value.isprintable()):
        check_writable(value)
    return f"{name}: {value}", key


def header_lines(headers: Iterable[tuple[str, str]], body: bytes) -> tuple[list[str], list[str]]:
    """The lines of a new message and their canonical names, Content-Length last. Raises BuildError."""
    lines, names = [], []
    for name, value in headers:
        line, key = _line(name, value)
        if key != "content-length":  # always written below, from the body that is there
            lines.append(line)
            names.append(key)
    lines.append(f"Content-Length: {len(body)}")
    names.append("content-length")
    return lines, names
