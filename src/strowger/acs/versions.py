"""The api-version of a request (ACS: Call Automation and Identity, api-versions).

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
IDENTITY_NEWEST: Final = "2023-10-01"
IDENTITY_KNOWN: Final = (
    "2020-07-20-preview2",
    "2021-02-22-preview1",
    "2021-03-07",
    "2021-10-31-preview",
    "2021-11-01",
    "2022-06-01",
    "2022-10-01",
    "2023-08-01",
    IDENTITY_NEWEST,
)
"""Those of the identity service, oldest first; its operations are the same in all of them."""
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


def warning_for(version: str, *, of_identity: bool = False) -> str | None:
    """The value of the Warning header for a version that this server does not know."""
    if version in (IDENTITY_KNOWN if of_identity else KNOWN):
        return None
    newest = IDENTITY_NEWEST if of_identity else NEWEST
    return f'299 - "{PARAMETER} {version} is unknown to this server and is answered as {newest}"'
