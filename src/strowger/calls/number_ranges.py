"""Numbers that no application should reach by itself: dear ones, and those that save lives.

Telephone fraud earns by calls to ranges of which the owner gets a share. The tables below hold what the world has set
aside for such: premium rate by country, satellites, and networks of no country. They are by prefix, without lengths,
and leave out ranges that share their first digits with ordinary numbers of the same country. Sources and limits:
docs/decisions/0013-toll-fraud.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PREMIUM: Final = "premium"
SATELLITE: Final = "satellite"
NETWORKS: Final = "networks"

_PREMIUM: Final[Mapping[str, str]] = {
    "1": "900 246976 345976",
    "7": "803 809",
    "20": "900",
    "27": "862 863 864 865 866 867 868 869 90 91 92",
    "30": "901 909",
    "31": "900 906 909",
    "32": "90",
    "33": "89",
    "34": "803 806 807",
    "36": "90 91",
    "39": "0878 144 163 164 166 892 893 894 895 899",
    "40": "900 901 903 906",
    "41": "900 901 906",
    "43": "900 901 930 931 939",
    "44": "70 842 843 844 845 870 871 872 873 90 91 98",  # 70: personal numbering, dear and much abused
    "45": "90",
    "46": "900 939 944 99",
    "47": "820 829",
    "48": "700 701 703 704 706 707 708",
    "49": "137 900",
    "51": "805",
    "52": "900",
    "54": "600 604 605 607 609",
    "55": "500 900",
    "57": "1900 1901 1947 1948 901",
    "58": "900 901",
    "61": "190",
    "62": "809",
    "64": "90",
    "65": "1900",
    "81": "990",
    "82": "60",
    "84": "1900",
    "90": "888 898 900",
    "92": "900",
    "212": "89",
    "216": "88",
    "221": "884 886 888 889",
    "227": "09",
    "230": "30",
    "231": "332",
    "236": "8776",
    "240": "90",
    "242": "80",
    "248": "85",
    "250": "900",
    "254": "900",
    "255": "90",
    "256": "901 902 903",
    "262": "89",
    "264": "8701",
    "267": "90",
    "268": "900",
    "269": "8",
    "297": "900",
    "298": "90",
    "351": "601 607 608 646 760 761 762",
    "352": "900 901 905",
    "354": "90",
    "355": "900",
    "356": "51 52",
    "357": "900 909",
    "358": "600 700",
    "359": "90",
    "370": "900 902 903 909 910",
    "371": "90",
    "372": "40 900",
    "373": "900 905 906",
    "374": "900 901 906",
    "375": "810 902",
    "378": "71 77 78",
    "380": "900 902 903 909",
    "381": "78 90",
    "382": "94 95",
    "383": "900",
    "385": "60 61 64 65 69",
    "386": "891 892 893 90",
    "387": "90 92 94 96",
    "389": "5",
    "420": "900 905 906 908 909 976",
    "421": "900 97 98",
    "423": "900 901 906",
    "502": "19",
    "503": "900",
    "506": "900 905 909",
    "507": "900 981",
    "590": "89",
    "592": "9008",
    "594": "89",
    "596": "89",
    "597": "90",
    "598": "90",
    "670": "90",
    "852": "900",
    "886": "20",
    "962": "90",
    "966": "925",
    "968": "900",
    "971": "900",
    "972": "1900 1901 1902 1919",
    "973": "90",
    "979": "",
    "994": "900",
}
"""Premium rate: country code, and how the numbers behind it begin. All of 979, the international one."""

COSTLY: Final[Mapping[str, frozenset[str]]] = {
    PREMIUM: frozenset(f"+{country}{start}" for country, starts in _PREMIUM.items() for start in starts.split(" ")),
    SATELLITE: frozenset(("+870", "+881", "+88213", "+88216")),
    NETWORKS: frozenset(("+878", "+882", "+883", "+888", "+991")),
}
"""Prefixes of dear numbers, by the word that the settings have for them. `networks`: personal numbers, international
networks and trials, which belong to no country.
"""

_EMERGENCY: Final = (
    "000 08 100 101 102 103 104 105 106 108 110 111 112 113 114 115 117 118 119 120 122 123 124 125 127 128 129 131 "
    "132 133 141 144 15 150 151 155 156 158 159 16 160 165 166 17 170 171 175 177 18 180 185 190 191 192 193 194 195 "
    "196 197 198 199 911 912 913 914 919 988 990 991 992 993 994 995 996 997 998 999 1122 10111 10177"
)
EMERGENCY: Final = tuple(_EMERGENCY.split(" "))
"""Emergency numbers around the world; see ITU-T E.161.1 for the two that a country may have beside its own."""

LONGEST_PREFIX: Final = 16
"""Characters of a prefix that can match: a plus and the fifteen digits of the longest number (ITU-T E.164 §6)."""
_COUNTRY_CODE_DIGITS: Final = 3


def longest(prefixes: frozenset[str], number: str) -> int:
    """Characters of the longest of `prefixes` that begins `number`; -1 when none does."""
    most = min(len(number), LONGEST_PREFIX)
    return next((length for length in range(most, -1, -1) if number[:length] in prefixes), -1)


def is_emergency(number: str, emergency: frozenset[str]) -> bool:
    """Whether a number calls for help, as it is or behind a country code, where no subscriber has so short a one."""
    digits = number.removeprefix("+")
    if digits in emergency:
        return True
    codes = range(1, _COUNTRY_CODE_DIGITS + 1) if number.startswith("+") else ()
    return any(digits[code:] in emergency for code in codes)
