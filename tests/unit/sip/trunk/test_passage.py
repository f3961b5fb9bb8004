from __future__ import annotations

from strowger.sip.trunk.passage import DIVERSION_REASONS, Cause

DIVERSION_WORDS = {
    "unknown",
    "user-busy",
    "no-answer",
    "unavailable",
    "unconditional",
    "time-of-day",
    "do-not-disturb",
    "deflection",
    "follow-me",
    "out-of-service",
    "away",
}
"""diversion-reason of RFC 5806."""


def test_every_cause_has_a_word() -> None:
    assert set(DIVERSION_REASONS) == set(Cause)
    assert set(DIVERSION_REASONS.values()) <= DIVERSION_WORDS


def test_the_causes_are_those_of_the_standard() -> None:
    assert {cause.value for cause in Cause} == {302, 404, 408, 480, 486, 487, 503}
