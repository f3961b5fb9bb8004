from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from strowger.acs.fixdate import EXAMPLE, parse, write


def test_the_example_of_the_standard() -> None:
    assert parse(EXAMPLE) == 784_111_777
    assert write(784_111_777) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +00",
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Mon, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6  Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Wed, 30 Feb 1994 08:49:37 GMT",
        "Wed, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Nov 0094 08:49:37 GMT",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "So., 06 Nov 1994 08:49:37 GMT",
        "dim., 06 nov. 1994 08:49:37 GMT",
        " Sun, 06 Nov 1994 08:49:37 GMT",
    ],
)
def test_anything_else_is_no_date(text: str) -> None:
    assert parse(text) is None


def test_a_leap_day_and_a_leap_second() -> None:
    assert parse("Thu, 29 Feb 2024 00:00:00 GMT") == 1_709_164_800
    assert parse("Sat, 31 Dec 2016 23:59:60 GMT") == 1_483_228_800


def test_a_century_agrees_with_the_calendar() -> None:
    day = datetime(1970, 1, 1, 23, 59, 58, tzinfo=UTC)
    while day.year < 2101:
        text = day.strftime("%a, %d %b %Y %H:%M:%S GMT")
        assert write(day.timestamp()) == text
        assert parse(text) == day.timestamp()
        day += timedelta(days=5)
