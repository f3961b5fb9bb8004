"""A document turned into Settings, row by row, so that every problem is found and not only the first."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from strowger.settings.problem import Problem
from strowger.settings.reader import UnfitEntries
from strowger.settings.row import Row, Rows, Section, rows_of
from strowger.settings.rows import Settings, sections
from strowger.settings.where import Where


class Decoder:
    """Reads one document; `problems` collects what does not fit, and blanks stand in for it."""

    def __init__(self, where: Where) -> None:
        """`where` resolves what points elsewhere."""
        self._where = where
        self.problems: list[Problem] = []

    def settings(self, document: Mapping[str, Any]) -> Settings:
        """The settings that `document` holds; not to be used when there are problems."""
        known = {section.key: (name, section) for name, section in sections()}
        self._refuse_unknown(document, known, "$", "section")
        return Settings(
            **{
                name: self._section(section, document[key], f"$.{key}")
                for key, (name, section) in known.items()
                if key in document
            },
            **self._absent(document),
        )

    def _absent(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Tables that are not written still have defaults to resolve."""
        return {
            name: self.table(section.rows, {}, f"$.{section.key}")
            for name, section in sections()
            if section.key not in document and not section.many
        }

    def _section(self, section: Section, raw: object, path: str) -> Any:
        if not section.many:
            return self.table(section.rows, raw, path)
        if not isinstance(raw, list):
            self._refuse(path, "several of these are allowed", f"write [[{section.key}]], with two brackets")
            return ()
        return tuple(self.table(section.rows, entry, f"{path}[{index}]") for index, entry in enumerate(raw))

    def table(self, table: type[Rows], raw: object, path: str) -> Any:
        """One table of the document, which is at `path`; not to be used when there are problems."""
        rows = dict(rows_of(table))
        if not isinstance(raw, Mapping):
            self._refuse(path, "this is not a table", "write it as a [section] of the file")
            return table(**{name: row.kind.blank for name, row in rows.items()})
        self._refuse_unknown(raw, [row.key for row in rows.values()], path, "setting")
        return table(**{name: self._value(row, raw, f"{path}.{row.key}") for name, row in rows.items()})

    def _value(self, row: Row, raw: Mapping[str, Any], path: str) -> Any:
        value = raw.get(row.key, row.default)
        if value is None:
            self._refuse(path, "this is required", row.kind.form)
            return row.kind.blank
        try:
            value = row.kind.read(value)
            return row.kind.resolve(value, self._where) if row.kind.resolve else value
        except UnfitEntries as error:
            for index, message in error.entries:
                self._refuse(f"{path}[{index}]", message, row.kind.form)
        except ValueError as error:
            self._refuse(path, str(error), row.kind.form)
        return row.kind.blank

    def _refuse_unknown(self, raw: Iterable[str], known: Iterable[str], path: str, what: str) -> None:
        names = sorted(known)
        for key in raw:
            if key not in names:
                near = difflib.get_close_matches(key, names, 1)
                hint = f"perhaps {near[0]}" if near else f"there are {', '.join(names)}"
                self._refuse(f"{path}.{key}", f"there is no such {what}", hint)

    def _refuse(self, path: str, message: str, hint: str) -> None:
        self.problems.append(Problem(path, message, hint))
