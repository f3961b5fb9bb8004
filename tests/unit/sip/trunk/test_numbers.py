"""How trunks write numbers, there and back."""

from __future__ import annotations

import pytest

from strowger.sip.trunk.numbers import NumberFormat

DUTCH = NumberFormat("national", "31")
AMERICAN = NumberFormat("national", "1", national_prefix="1", international_prefix="011")
ITALIAN = NumberFormat("national", "39", national_prefix="")


@pytest.mark.parametrize(
    ("form", "number", "dialled"),
    [
        (NumberFormat(), "+31201110001", "+31201110001"),
        (NumberFormat("digits"), "+31201110001", "31201110001"),
        (DUTCH, "+31201110001", "0201110001"),
        (DUTCH, "+49301110001", "0049301110001"),
        (AMERICAN, "+12125550100", "12125550100"),
        (AMERICAN, "+31201110001", "01131201110001"),
        (ITALIAN, "+390612345678", "0612345678"),
        (NumberFormat(prefix="9"), "+31201110001", "9+31201110001"),
        (NumberFormat("digits", prefix="0042#"), "+31201110001", "0042#31201110001"),
        (NumberFormat("digits", prefix="9"), "112", "9112"),
        (DUTCH, "112", "112"),
        (DUTCH, "8:orgid:5f5b2d1c", "8:orgid:5f5b2d1c"),
    ],
)
def test_dialling(form: NumberFormat, number: str, dialled: str) -> None:
    assert form.to_trunk(number) == dialled
    assert form.from_trunk(dialled) == number


@pytest.mark.parametrize(
    ("form", "written", "number"),
    [
        (DUTCH, "+31201110001", "+31201110001"),
        (DUTCH, "0900", "0900"),
        (DUTCH, "116117", "116117"),
        (DUTCH, "anonymous", "anonymous"),
        (NumberFormat("digits"), "0201110001", "0201110001"),
        (NumberFormat("digits"), "116117", "116117"),
        (NumberFormat(), "31201110001", "31201110001"),
    ],
)
def test_what_is_no_number_in_the_form_stays(form: NumberFormat, written: str, number: str) -> None:
    assert form.from_trunk(written) == number


def test_a_number_is_shown_without_the_prefix() -> None:
    assert NumberFormat("digits", prefix="9").shown("+31201110001") == "31201110001"


@pytest.mark.parametrize("country_code", ["", "+31", "NL", "³"])
def test_a_national_form_needs_its_country(country_code: str) -> None:
    with pytest.raises(ValueError, match="country code"):
        NumberFormat("national", country_code)


@pytest.mark.parametrize(
    ("form", "number", "keeps"),
    [
        (DUTCH, "+31201110001", True),
        (DUTCH, "+49301110001", True),
        (DUTCH, "+31088216123456", False),  # 0 and 088216… is 0088216…, a satellite
        (DUTCH, "+310201110001", False),
        (DUTCH, "+0088216123456", False),
        (DUTCH, "0088216123456", True),  # written so, and judged so
        (AMERICAN, "+1088216123456", True),
        (ITALIAN, "+390612345678", True),
        (ITALIAN, "+390088216123456", False),
        (NumberFormat("national", "31", international_prefix=""), "+310201110001", True),
        (NumberFormat("digits"), "+31201110001", True),
        (NumberFormat("digits"), "+0088216123456", False),
        (NumberFormat(), "+0088216123456", True),
    ],
)
def test_a_number_that_would_become_another_one_is_known(form: NumberFormat, number: str, keeps: bool) -> None:
    assert form.keeps(number) is keeps
