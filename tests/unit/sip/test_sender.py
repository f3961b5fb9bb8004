"""What is known of a sender."""

from __future__ import annotations

from strowger.sip.sender import STRANGER, TRUSTED, Sender


def test_nothing_speaks_for_a_stranger_and_something_for_all_others() -> None:
    assert Sender("", None, is_stranger=True) == STRANGER
    assert Sender() == TRUSTED
    assert not TRUSTED.is_stranger
