"""What can be wrong with settings, told all at once.

SettingsError     the user's fault; holds every Problem found
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Problem(NamedTuple):
    """One thing that is wrong, where it is, and what to do about it."""

    path: str
    """Where, as in `$.trunk[0].uri`."""
    message: str
    """What is wrong, as a sentence without its full stop."""
    hint: str = ""
    """What to write or do instead; may be empty."""

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.path}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class SettingsError(Exception):
    """The settings cannot be used; `problems` says why, completely."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Keep all `problems`; there is at least one."""
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        """All problems, one on each line."""
        return "\n".join(map(str, self.problems))
