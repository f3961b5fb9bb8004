from __future__ import annotations

from strowger.sip.location.errors import Unlocatable


def test_the_error_carries_a_sentence() -> None:
    assert str(Unlocatable("it has no address")) == "it has no address"
