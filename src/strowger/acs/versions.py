"""The api-version of a request (ACS: Call Automation, api-versions).

Redirect and reject are the same in every version that carries them, so one code path serves all. A version nobody has
published yet is answered as the newest known one, with a warning: an application may be newer than this server.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_plus

from strowger.acs.errors import ArgumentInvalid

PARAMETER: Final = "api-version"
NEWEST: Final = "2026-03-12"
KNOWN: Final = frozenset(
    (
        "2022-04-07-preview",
        "2023-01-15-preview",
        "2023-03-06",
        "2023-06-15-preview",
        "2023-10-03-preview",
        "2023-10-15",
        "2024-01-22-preview",
        "2024-04-15",
        "2024-06-15-preview",
        "2024-09-01-preview",
        "2024-09-15",
        "2024-11-15-preview",
        "2025-03-30-preview",
        "2025-05-15",
        "2025-06-15",
        "2025-08-15-preview",
        NEWEST,
    )
)
_USUAL_QUERY: Final = f"{PARAMETER}={NEWEST}"
_SHAPE: Final = re.compile(r"20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])(?:-preview[0-9]?)?")


def version_of(query: str) -> str:
    """The api-version of a query string. Raises ArgumentInvalid when it is missing, malformed or given twice."""
    if query == _USUAL_QUERY:
        return NEWEST
    given = [
        unquote_plus(value)
        for name, _, value in (pair.partition("=") for pair in query.split("&"))
        if unquote_plus(name).lower() == PARAMETER
    ]
    if not given:
        raise ArgumentInvalid(f"The query parameter {PARAMETER} is missing; send {_USUAL_QUERY}.", PARAMETER)
    if len(given) > 1:
        raise ArgumentInvalid(f"The query parameter {PARAMETER} is given {len(given)} times.", PARAMETER)
    if _SHAPE.fullmatch(given[0]) is None:
        raise ArgumentInvalid(
            f"'{given[0][:40]}' is no {PARAMETER}; it has the form YYYY-MM-DD or YYYY-MM-DD-preview, like {NEWEST}.",
            PARAMETER,
        )
    return given[0]


def warning_for(version: str) -> str | None:
    """The value of the Warning header for a version that this server does not know."""
    if version in KNOWN:
        return None
    return f'299 - "{PARAMETER} {version} is unknown to this server and is answered as {NEWEST}"'
