"""What the settings say for calls that lead nowhere."""

from __future__ import annotations

from strowger.calls.fallbacks import Default, Fallbacks
from strowger.calls.identifier import from_raw_id, phone_number

NUMBER, OTHER = phone_number("+31201110001"), phone_number("+31201110002")
USER = from_raw_id("8:acs:1_1")


def test_without_settings_the_caller_hears_of_it() -> None:
    assert not Fallbacks().returns("dev", NUMBER)
    assert Fallbacks().default(NUMBER) is None


def test_a_number_differs_from_its_resource() -> None:
    fallbacks = Fallbacks(resources=["dev"], numbers={NUMBER.number: False})
    assert [fallbacks.returns("dev", to) for to in (NUMBER, OTHER, USER)] == [False, True, True]
    fallbacks = Fallbacks(numbers={NUMBER.number: True})
    assert [fallbacks.returns("dev", to) for to in (NUMBER, OTHER, USER)] == [True, False, False]


def test_a_default_is_that_of_a_number() -> None:
    fallbacks = Fallbacks(defaults={NUMBER.number: Default(10.0, OTHER)})
    assert fallbacks.default(NUMBER) == Default(10.0, OTHER)
    assert fallbacks.default(OTHER) is None
    assert fallbacks.default(from_raw_id(f"8:acs:{NUMBER.number}_1")) is None


def test_a_default_in_words() -> None:
    assert str(Default(10.0, OTHER)) == "redirect to 4:+31201110002"
    assert str(Default(10.0, status=486)) == "reject with 486"
