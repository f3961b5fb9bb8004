"""Foreign text made printable by strowger.base.text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strowger.base.text import printable, printable_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sip:bob@example.org", "sip:bob@example.org"),
        ("", ""),
        ("Zoë 電話", "Zoë 電話"),
        ("a\r\nVia: forged", "a\\r\\nVia: forged"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("tab\there", "tab\\there"),
        ("nul\x00", "nul\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("line\u2028separator", "line\\u2028separator"),
        ("right\u202eto left", "right\\u202eto left"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("C:\\n", "C:\\\\n"),
        (b"caf\xe9\x07", "café\\x07"),
    ],
)
def test_what_is_shown(text: str | bytes, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abcde", 5, "abcde"),
        ("abcdef", 5, "abcd…"),
        ("abcdef", 1, "…"),
        ("\x1babc", 7, "\\x1babc"),
        ("\x1babcd", 7, "\\x1bab…"),
        ("abc\x1b", 6, "abc…"),
        (b"abcdef", 5, "abcd…"),
    ],
)
def test_the_limit_counts_what_is_shown(text: str | bytes, limit: int, shown: str) -> None:
    assert printable(text, limit) == shown


def test_a_limit_without_room_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="0 characters"):
        printable("x", 0)


@given(st.text(st.characters()) | st.binary(), st.integers(1, 40))
def test_anything_fits_on_one_harmless_line(text: str | bytes, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()


@given(st.text(st.characters(codec="utf-8")))
def test_json_says_the_same_and_is_harmless(text: str) -> None:
    shown = printable_json(json.dumps([text], ensure_ascii=False, indent=1).encode())
    assert json.loads(shown) == [text]
    assert shown.replace("\n", "").isprintable()
