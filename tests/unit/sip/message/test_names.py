import pytest

from strowger.sip.message.names import COMPACT, canonical, names_of


@pytest.mark.parametrize("spelling", ["Via", "via", "VIA", "vIa", "v", "V", "Via ", "Via\t ", "v "])
def test_every_spelling_is_the_same_name(spelling: str) -> None:
    assert canonical(spelling) == "via"


@pytest.mark.parametrize("letter", sorted(COMPACT))
def test_compact_forms_in_either_case(letter: str) -> None:
    assert canonical(letter) == canonical(letter.upper()) == COMPACT[letter]


@pytest.mark.parametrize("text", ["", " ", " Via", "X Hdr", "Via:", "Vi\x00a", "\x0bVia", "Via\xa0", "Via\x85", "Vïa"])
def test_what_is_no_token_is_no_name(text: str) -> None:
    assert canonical(text) == ""


def test_unknown_names_are_only_lowered() -> None:
    assert canonical("X-Internal") == "x-internal"


def test_the_name_ends_at_the_first_colon() -> None:
    assert names_of(["X-Hdr : a:b", "v:x", "To:", "From", ": empty", "C%6Fntact: <sip:a@b>"]) == [
        "x-hdr",
        "via",
        "to",
        "",
        "",
        "c%6fntact",
    ]
