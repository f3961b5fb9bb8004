"""A subscription that is given while the server runs: read by the rows, and checked by the rules, of the settings file.

It comes from elsewhere, so nothing of this machine is looked up for it: a secret is the secret itself.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from strowger.events.filters import AdvancedFilter
from strowger.settings import kinds
from strowger.settings.check import check
from strowger.settings.decode import Decoder
from strowger.settings.problem import Problem, SettingsError
from strowger.settings.row import Row, rows_of
from strowger.settings.rows import Settings
from strowger.settings.subscription import Subscription
from strowger.settings.where import Where

MASK: Final = "***"
"""Stands for what is not shown."""
_URL: Final = kinds.URL.name
"""The kinds that are URLs, those that may be empty too: their queries may be secrets."""
_PLACE: Final = "$.subscription[0]"


class _Nowhere(Where):
    """Here `env:NAME` and `file:PATH` would read for somebody else what is on this machine."""

    def secret(self, text: str) -> str:
        if text.partition(":")[0] in ("env", "file"):
            raise ValueError("env: and file: are for the settings file; give the value itself")
        if text == MASK:
            raise ValueError(f"{MASK} stands for a value that is not shown; give the value itself")
        return text


def subscription_of(document: Mapping[str, Any], settings: Settings) -> Subscription:
    """The rows of one subscription beside these `settings`. Raises SettingsError, with paths like `$.endpoint`."""
    decoder = Decoder(_Nowhere({}, Path()))
    row: Subscription = decoder.table(Subscription, document, "$")
    problems = list(decoder.problems)
    for problem in check(dataclasses.replace(settings, subscriptions=(row,))):
        if problem.path.startswith(_PLACE):
            problems.append(problem._replace(path=f"${problem.path.removeprefix(_PLACE)}"))
    problems += [
        Problem(f"$.{each.key}", f"{MASK} stands for a query that is not shown", "give the whole URL")
        for name, each in rows_of(Subscription)
        if each.kind.name == _URL and getattr(row, name).endswith(f"?{MASK}")
    ]
    if problems:
        raise SettingsError(problems)
    return row


def shown(row: Subscription) -> dict[str, object]:
    """What a subscription sets, as the file would say it: without the defaults, and without its secrets."""
    return {
        each.key: _shown(each, getattr(row, name))
        for name, each in rows_of(Subscription)
        if each.default is None or getattr(row, name) != each.kind.read(each.default)
    }


def shown_url(url: str) -> str:
    """A URL without its query, which may be a secret."""
    place, mark, _ = url.partition("?")
    return f"{place}?{MASK}" if mark else place


def _shown(row: Row, value: Any) -> object:
    if row.kind.secret:
        return [_masked(each) for each in value] if isinstance(value, tuple) else MASK
    if row.kind.name == _URL:
        return shown_url(value)
    if isinstance(value, tuple):
        return [each.written() if isinstance(each, AdvancedFilter) else each for each in value]
    return value


def _masked(text: str) -> str:
    """The name of a header is no secret."""
    name, colon, _ = text.partition(": ")
    return f"{name}: {MASK}" if colon else MASK
