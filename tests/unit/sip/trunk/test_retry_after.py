from __future__ import annotations

import pytest

from strowger.sip.message import Response
from strowger.sip.trunk.retry_after import retry_after_of


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("18000;duration=3600", 18_000.0),
        ("120 (I'm in a meeting)", 120.0),
        ("0", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
        ("9" * 30, None),
    ],
)
def test_seconds(value: str, seconds: float | None) -> None:
    assert retry_after_of(Response.make(503, "", [("Retry-After", value)])) == seconds


def test_without_the_header() -> None:
    assert retry_after_of(Response.make(503, "", [])) is None
