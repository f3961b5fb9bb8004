"""Durations and sizes as people write them: "30s", "500ms", "24h", "64KiB".

Functions raise ValueError with a sentence for the person who wrote the value.
"""

from __future__ import annotations

import math
from typing import Final

SECONDS: Final[dict[str, float]] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
OCTETS: Final[dict[str, int]] = {"B": 1, "KiB": 1_024, "MiB": 1_048_576, "GiB": 1_073_741_824}

LONGEST_DURATION_S: Final = 3_660 * 86_400.0
"""Ten years and a bit: longer is a slip of the pen, and would overflow timers."""

LARGEST_SIZE: Final = 1 << 40
"""One tebibyte in octets: larger is a slip of the pen."""


def duration(value: object) -> float:
    """Seconds, from a number of seconds or a number with one of the units of SECONDS; above zero."""
    seconds = _number(value, SECONDS, "a duration")
    if not 0 < seconds <= LONGEST_DURATION_S:
        raise ValueError("a duration lies above zero and below ten years")
    return seconds


def size(value: object) -> int:
    """Octets, from a whole number of octets or a number with one of the units of OCTETS; above zero."""
    octets = _number(value, OCTETS, "a size")
    if not 0 < octets <= LARGEST_SIZE or octets != int(octets):
        raise ValueError("a size is a whole number of octets, above zero and up to 1024GiB")
    return int(octets)


def _number(value: object, units: dict[str, float] | dict[str, int], what: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value) if abs(value) <= LARGEST_SIZE else math.inf
    elif isinstance(value, str):
        digits = value.rstrip("BKMGibmshd").rstrip()
        unit = value[len(digits) :].strip()
        number = _decimal(digits, value, what) * _factor(unit, units, value, what)
    else:
        raise ValueError(f"{what} is text or a number, not {type(value).__name__}")
    if not abs(number) <= LARGEST_SIZE:
        raise ValueError(f"{what} is a number, and not that large")
    return number


def _decimal(digits: str, value: str, what: str) -> float:
    if not digits.replace(".", "", 1).isdigit() or not digits.isascii():
        raise ValueError(f"{value!r} is not {what}")
    return float(digits)


def _factor(unit: str, units: dict[str, float] | dict[str, int], value: str, what: str) -> float:
    """A bare number in text is taken as seconds or octets: the environment knows no numbers."""
    if not unit:
        return 1.0
    if unit not in units:
        raise ValueError(f"{value!r} is not {what}: the unit is one of {' '.join(units)}")
    return units[unit]
