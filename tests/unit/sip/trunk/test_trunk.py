from __future__ import annotations

import pytest

from strowger.sip.trunk.trunk import CallerId, ForwardedAs, Mode, Route, Trunk


def test_a_trunk_says_and_does_nothing_special_by_default() -> None:
    trunk = Trunk("carrier", "sip:carrier.example")
    assert (trunk.caller_id, trunk.forwarded_as, trunk.mode, trunk.is_trusted) == (
        CallerId.PASS,
        frozenset(),
        Mode.RELAY,
        False,
    )


def test_the_words_of_the_settings() -> None:
    assert [CallerId("owned"), ForwardedAs("history-info"), Mode("302")] == [
        CallerId.OWNED,
        ForwardedAs.HISTORY_INFO,
        Mode.REDIRECT,
    ]


@pytest.mark.parametrize(
    ("match", "dialled", "matches"),
    [
        ("+31*", "+31201110001", True),
        ("+31*", "+31", True),
        ("+31*", "+49301110001", False),
        ("*", "anything", True),
        ("+31201110001", "+31201110001", True),
        ("+31201110001", "+312011100012", True),
        ("+31", "+31201110001", True),
        ("+32", "+31201110001", False),
    ],
)
def test_a_match_is_how_the_value_begins(match: str, dialled: str, matches: bool) -> None:
    route = Route("phoneNumber", match, ("carrier",))
    assert route.matches("phoneNumber", dialled) is matches
    assert not route.matches("unknown", dialled)


def test_the_more_of_the_target_the_more_precise() -> None:
    matches = ["+31201110001*", "+31", "+3*", "*"]
    precisions = [Route("phoneNumber", match, ("a",)).precision for match in matches]
    assert precisions == sorted(precisions, reverse=True)
    assert len(set(precisions)) == len(precisions)
