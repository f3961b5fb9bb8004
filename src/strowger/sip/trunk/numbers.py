"""How a trunk wants telephone numbers written, and how it writes them (ITU-T E.164, E.123).

Only a number in E.164 form, with its plus sign, is rewritten: an emergency or short number belongs to no country's plan
and passes as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Form: TypeAlias = Literal["e164", "digits", "national"]
"""`e164`: +31201234567. `digits`: 31201234567. `national`: 0201234567 at home, 0049301234567 abroad."""

_LONGEST_SHORT_NUMBER: Final = 6
"""Digits of the longest short code in use, 116 117 among them."""


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How one trunk writes numbers."""

    form: Form = "e164"
    country_code: str = ""
    """Digits of the country that `national` is at home in; required there."""
    national_prefix: str = "0"
    """What a number of the own country begins with; empty in Italy or Spain, 1 in North America."""
    international_prefix: str = "00"
    """What a number of another country begins with; 011 in North America."""
    prefix: str = ""
    """What the trunk wants before every number, whatever its form: a line access code or a customer's number."""

    def __post_init__(self) -> None:
        if self.form == "national" and not (self.country_code.isascii() and self.country_code.isdigit()):
            raise ValueError("a national number format needs the digits of its country code")

    def to_trunk(self, number: str) -> str:
        """The number as the trunk wants to have it dialled."""
        return self.prefix + self.shown(number)

    def from_trunk(self, written: str) -> str:
        """A number that the trunk sent, in E.164 form; anything else as it is. The reverse of `to_trunk`."""
        written = written.removeprefix(self.prefix)
        if not (written.isascii() and written.isdigit()) or self.form == "e164":
            return written
        if self.form == "digits":
            # A national or short number without its plus cannot be told from a foreign one by its digits.
            return f"+{written}" if not written.startswith("0") and len(written) > _LONGEST_SHORT_NUMBER else written
        if written.startswith(self.international_prefix):
            return f"+{written.removeprefix(self.international_prefix)}"
        if written.startswith(self.national_prefix) and len(written) > _LONGEST_SHORT_NUMBER:
            return f"+{self.country_code}{written.removeprefix(self.national_prefix)}"
        return written

    def keeps(self, number: str) -> bool:
        """Whether the trunk will read the same number as we do. A number in E.164 form that goes on with 0 behind its
        plus or its country code may become an international prefix, and so a call to somewhere else.
        """
        if self.form == "e164" or not number.startswith("+"):
            return True
        if self.form == "digits" or not number.startswith(f"+{self.country_code}"):
            return not number.startswith("+0")
        return not (self.international_prefix and self.shown(number).startswith(self.international_prefix))

    def shown(self, number: str) -> str:
        """The number as the trunk wants to have it shown: as dialled, without `prefix`."""
        if self.form == "e164" or not number.startswith("+"):
            return number
        if self.form == "digits":
            return number[1:]
        home = f"+{self.country_code}"
        if number.startswith(home):
            return self.national_prefix + number.removeprefix(home)
        return self.international_prefix + number[1:]
