"""The named statements of the files in `sql/`, read once. Python refers to a statement by its name only."""

from __future__ import annotations

from importlib import resources
from typing import Final

_NAME: Final = "-- name: "


def parse(text: str) -> dict[str, str]:
    """Its statements by name. Raises ValueError for one without name, sentence or end, and for a name used twice."""
    found: dict[str, str] = {}
    for block in text.split("\n\n"):
        head, *rest = block.strip().splitlines() or [""]
        if not rest and (not head or head.startswith("-- ")):
            continue  # the comment that opens the file, or the empty end of it
        name = head.removeprefix(_NAME)
        if name == head or name in found or not rest[0].startswith("-- ") or not rest[-1].endswith(";"):
            raise ValueError(f"not a named statement with a sentence and an end: {head}")
        found[name] = "\n".join(rest[1:]).removesuffix(";")
    return found


def _texts() -> list[str]:
    return [file.read_text("utf-8") for file in (resources.files(__package__) / "sql").iterdir() if file.is_file()]


QUERIES: Final = parse("\n\n".join(_texts()))
