"""IMF-fixdate, the one date format of HTTP headers (RFC 9110 §5.6.7).

Only English names count, as the standard says. A client that formats dates in the language of its user is told so by
whoever asks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
EXAMPLE: Final = "Sun, 06 Nov 1994 08:49:37 GMT"
_LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_BEFORE_MONTH: Final = tuple(sum(_LENGTHS[:month]) for month in range(12))
_MARKS: Final = ",    :: GMT"
"""What stands around day, month, year and time."""
_DAY_S: Final = 86_400
_EPOCH_WEEKDAY: Final = 3
"""1970-01-01 was a Thursday."""
_FIRST_YEAR: Final = 1970


def parse(text: str) -> int | None:
    """Seconds since 1970 of an IMF-fixdate, or None when `text` is anything else, a wrong weekday included."""
    return _parse(text) if len(text) == len(EXAMPLE) and text.isascii() else None


@lru_cache(maxsize=256)
def _parse(text: str) -> int | None:
    digits = text[5:7] + text[12:16] + text[17:19] + text[20:22] + text[23:25]
    marks = text[3:5] + text[7] + text[11] + text[16] + text[19] + text[22] + text[25:]
    if marks != _MARKS or not digits.isdigit():
        return None
    day, year = int(digits[:2]), int(digits[2:6])
    hour, minute, second = int(digits[6:8]), int(digits[8:10]), int(digits[10:])
    if text[8:11] not in MONTHS or year < _FIRST_YEAR or hour > 23 or minute > 59 or second > 60:
        return None
    month = MONTHS.index(text[8:11])
    if not 1 <= day <= _LENGTHS[month] + (month == 1 and _is_leap(year)):
        return None
    days = _days(year, month, day)
    if text[:3] != DAYS[(days + _EPOCH_WEEKDAY) % 7]:
        return None
    return days * _DAY_S + hour * 3_600 + minute * 60 + second


def write(seconds: float) -> str:
    """The IMF-fixdate of `seconds` since 1970, rounded down."""
    days, rest = divmod(int(seconds), _DAY_S)
    year = _FIRST_YEAR + days // 366
    while _days(year + 1, 0, 1) <= days:
        year += 1
    month = 11
    while _days(year, month, 1) > days:
        month -= 1
    day = days - _days(year, month, 1) + 1
    weekday = DAYS[(days + _EPOCH_WEEKDAY) % 7]
    clock = f"{rest // 3_600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
    return f"{weekday}, {day:02} {MONTHS[month]} {year:04} {clock} GMT"


def _days(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01; the month counts from 0, the day from 1."""
    before = year - 1
    leaps = before // 4 - before // 100 + before // 400 - 477
    return (year - _FIRST_YEAR) * 365 + leaps + _BEFORE_MONTH[month] + (month > 1 and _is_leap(year)) + day - 1


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
