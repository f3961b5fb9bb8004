"""Which numbers outside may be called."""

from __future__ import annotations

import pytest

from strowger.calls.outside_rules import DENIED, EMERGENCY_CALL, NOT_ALLOWED, OutsideRules, number_in

USUAL = OutsideRules()


@pytest.mark.parametrize(
    ("dialled", "number"),
    [
        ("+31201110001", "+31201110001"),
        ("+31 (20) 111-00.01", "+31201110001"),
        ("4:+31201110001", "+31201110001"),
        ("tel:+31201110001;ext=1", "+31201110001"),
        ("+88216123;a=b", "+88216123"),
        ("+88216123abc", "+88216123"),
        ("0088216123", "0088216123"),
        ("0088216123;phone-context=+31", "0088216123"),
        ("0088216123,1", "0088216123"),
        ("tel:911;phone-context=+1", "911"),
        ("TEL:+88216123", "+88216123"),
        ("112", "112"),
        ("112@example", ""),
        ("8:orgid:5f5b2d1c", ""),
        ("2a4d0f3e-52a5-4d1f-9b0d-7a4a3f1f0001", ""),
        ("+", ""),
        ("", ""),
        ("sip:bob@example", ""),
        ("\uff11\uff11\uff12", ""),
    ],
)
def test_what_a_carrier_may_read_as_a_number(dialled: str, number: str) -> None:
    assert number_in(dialled) == number


@pytest.mark.parametrize(
    ("dialled", "reason"),
    [
        ("+31201110001", ""),
        ("8:orgid:5f5b2d1c", ""),
        ("112", EMERGENCY_CALL),
        ("+31112", EMERGENCY_CALL),
        ("tel:911", EMERGENCY_CALL),
        ("0201110001", NOT_ALLOWED),
        ("31201110001", NOT_ALLOWED),
        ("0088216123", NOT_ALLOWED),
        ("0088216123;phone-context=+31", NOT_ALLOWED),
        ("911;phone-context=+1", EMERGENCY_CALL),
        ("+31900123456", "premium"),
        ("+31 900 123456", "premium"),
        ("+88216123456", "satellite"),
        ("+88299123456", "networks"),
        ("+0088216123", ""),  # no country; the trunk refuses it where it would become another number
    ],
)
def test_the_defaults(dialled: str, reason: str) -> None:
    assert USUAL.refuses(dialled) == reason


def rules(allow: str = "+", deny: str = "", costly: tuple[str, ...] = ()) -> OutsideRules:
    return OutsideRules(allow=frozenset(allow.split()), deny=frozenset(deny.split()), costly=costly)


@pytest.mark.parametrize(
    ("found", "dialled", "reason"),
    [
        (rules("+31"), "+31201110001", ""),
        (rules("+31"), "+32201110001", NOT_ALLOWED),
        (rules("+", "+31"), "+31201110001", DENIED),
        (rules("+", "+31"), "+32201110001", ""),
        (rules("+31", "+31"), "+31201110001", DENIED),
        (rules("+ +3120", "+31"), "+31201110001", ""),
        (rules("+ +3120", "+31"), "+31301110001", DENIED),
        (rules("+ +31900", costly=("premium",)), "+31900123456", "premium"),
        (rules("+ +319001", costly=("premium",)), "+31900123456", ""),
        (rules("+", "+31900", ("premium",)), "+31900123456", "premium"),
        (rules("+"), "+31900123456", ""),
        (rules("+", "+31900"), "+31900123456", DENIED),
        (rules("0 +", costly=("satellite",)), "0201110001", ""),
        (rules("0 +", costly=("satellite",)), "0088216123456", "satellite"),
        (rules("0 +", costly=("satellite",)), "01188216123456", "satellite"),
        (rules("8 +", costly=("satellite",)), "88216123456", "satellite"),
        (OutsideRules(allow=frozenset(("",))), "0201110001", ""),
        (OutsideRules(allow=frozenset(("",)), emergency=frozenset()), "112", ""),
        (OutsideRules(allow=frozenset(), deny=frozenset()), "+31201110001", NOT_ALLOWED),
        (OutsideRules(allow=frozenset()), "8:orgid:5f5b2d1c", ""),
    ],
)
def test_the_longer_prefix_decides_and_a_refusal_wins_a_tie(found: OutsideRules, dialled: str, reason: str) -> None:
    assert found.refuses(dialled) == reason


def test_an_emergency_number_stays_one_even_if_it_is_allowed() -> None:
    assert OutsideRules(allow=frozenset(("+", "112"))).refuses("112") == EMERGENCY_CALL
