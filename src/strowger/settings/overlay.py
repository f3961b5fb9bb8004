"""One document out of several: file < environment < flags.

`STROWGER__LISTEN__API=127.0.0.1:7443` is `api` in `[listen]`; `STROWGER__TRUNK__0__URI` is `uri` of the first trunk,
and the number after the last adds one; `STROWGER__TRUNK='[{…}]'` is all of them as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from strowger.settings.kinds import json_value
from strowger.settings.problem import Problem
from strowger.settings.row import Section, rows_of
from strowger.settings.rows import sections

PREFIX: Final = "STROWGER__"

Document = dict[str, Any]


def merge(document: Document, over: Mapping[str, Any]) -> None:
    """Lay `over` on `document`: tables are merged, everything else is replaced."""
    for key, value in over.items():
        below = document.get(key)
        if isinstance(value, Mapping):
            if not isinstance(below, dict):
                below = document[key] = {}
            merge(below, value)
        else:
            document[key] = value


class Environment:
    """The environment variables that are settings, and where in the document each was laid."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Nothing is read before `lay`."""
        self._variables = sorted(
            ((name, text) for name, text in environ.items() if name.startswith(PREFIX)), key=_entries_in_order
        )
        self._sections = {section.key: section for _, section in sections()}
        self._variable_at: dict[str, str] = {}
        self.problems: list[Problem] = []

    def lay(self, document: Document) -> None:
        """Lay all variables on `document`; what cannot be read is kept in `problems`."""
        for name, text in self._variables:
            words = name.removeprefix(PREFIX).lower().split("__")
            section = self._sections.get(words[0])
            try:
                if section is None:
                    raise ValueError("there is no such section")
                self._variable_at[_path(words)] = name
                self._lay_one(document, section, words[1:], text)
            except ValueError as error:
                hint = f"{PREFIX}SECTION__KEY, with a section of {' '.join(self._sections)}"
                self.problems.append(Problem(_path(words), f"{error}, in {name}", hint))

    def source(self, problem: Problem) -> Problem:
        """The same problem, naming the variable when the value came from one."""
        for path, name in self._variable_at.items():
            if problem.path == path or problem.path.startswith((path + ".", path + "[")):
                return problem._replace(message=f"{problem.message}, in {name}")
        return problem

    def _lay_one(self, document: Document, section: Section, words: list[str], text: str) -> None:
        if not words:
            document[section.key] = json_value(text)
            return
        below: Any = document.setdefault(section.key, [] if section.many else {})
        if section.many:
            below = _entry(below, words.pop(0))
        if len(words) != 1:
            raise ValueError("this does not name one setting")
        row = {row.key: row for _, row in rows_of(section.rows)}.get(words[0])
        if isinstance(below, dict):  # anything else is refused when the document is read
            below[words[0]] = text if row is None else row.kind.from_text(text)


def _entries_in_order(variable: tuple[str, str]) -> list[str]:
    """Entry 2 before entry 10, and all of a section before its entries."""
    return [word.rjust(9, "0") if word.isdigit() else word for word in variable[0].split("__")]


def _entry(entries: Any, index: str) -> Any:
    """The table at `index`, new when it is one past the last."""
    if not isinstance(entries, list):
        return None
    if not (index.isascii() and index.isdigit()) or int(index) > len(entries):
        raise ValueError(f"{index} is neither an entry nor the next one")
    if int(index) == len(entries):
        entries.append({})
    return entries[int(index)]


def _path(words: list[str]) -> str:
    return "$" + "".join(f"[{word}]" if word.isdigit() else f".{word}" for word in words)
