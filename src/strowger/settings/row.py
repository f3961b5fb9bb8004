"""How a dataclass describes settings: rows with a kind, a default and a meaning, gathered in sections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, field, fields
from typing import Any, ClassVar, NamedTuple, Protocol

from strowger.settings.kinds import URL, Kind


class Row(NamedTuple):
    """One setting as the reference shows it."""

    key: str
    """Its name in the file."""
    kind: Kind
    default: object
    """As a person would write it; None when the setting is required."""
    help: str


class Section(NamedTuple):
    """One table of the file, or one array of tables."""

    key: str
    rows: type[Rows]
    many: bool
    help: str


class Rows(Protocol):
    """A dataclass whose fields were all made by `row`."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


def row(kind: Kind, default: object, help: str, *, key: str = "") -> Any:
    """A field read by `kind`, required when `default` is None; `key` is its name in the file if not the same."""
    metadata = {"row": Row(key, kind, default, help)}
    is_shown = not kind.secret and kind.name != URL.name  # the query of a URL may be a secret
    if default is None:
        return field(metadata=metadata, repr=is_shown)
    return field(default_factory=lambda: kind.read(default), metadata=metadata, repr=is_shown)


def rows_of(table: type[Rows]) -> Iterator[tuple[str, Row]]:
    """The field name and row of each setting of `table`, in order."""
    for each in fields(table):
        found: Row = each.metadata["row"]
        yield each.name, found if found.key else found._replace(key=each.name)


def default_of(table: type[Rows], name: str) -> object:
    """What the setting with this field name is when the file does not have it."""
    found: Row = table.__dataclass_fields__[name].metadata["row"]
    return found.kind.read(found.default)


def table(key: str, rows: type[Rows], help: str) -> Any:
    """A field that holds one table, all defaults when the file has none."""
    return field(default_factory=rows, metadata={"section": Section(key, rows, False, help)})


def tables(key: str, rows: type[Rows], help: str) -> Any:
    """A field that holds an array of tables, perhaps empty."""
    return field(default=(), metadata={"section": Section(key, rows, True, help)})


def sections_of(settings: type[Rows]) -> Iterator[tuple[str, Section]]:
    """The field name and section of each table of `settings`, in order."""
    for each in fields(settings):
        yield each.name, each.metadata["section"]
