from __future__ import annotations

import msgspec
import pytest

from strowger.acs.errors import ArgumentInvalid
from strowger.acs.operations.context import MAX_CONTEXT_CHARACTERS, ContextText, context


@pytest.mark.parametrize("text", ["a", "v1.x-_=/+", "env2 REDACTED", "eyJhbGciOiJub25lIn0.e30."])
def test_any_printable_ascii_is_handed_on(text: str) -> None:
    assert context(text) == text


@pytest.mark.parametrize("text", ["a\x00", "a\r\n", "é", "\u202e", "\x7f"])
def test_other_letters_are_refused(text: str) -> None:
    with pytest.raises(ArgumentInvalid) as caught:
        context(text)
    assert caught.value.target == "incomingCallContext"


def test_the_length_is_limited() -> None:
    decoder = msgspec.json.Decoder(ContextText)
    longest = "a" * MAX_CONTEXT_CHARACTERS
    assert decoder.decode(msgspec.json.encode(longest)) == longest
    for text in ("", longest + "a"):
        with pytest.raises(msgspec.ValidationError):
            decoder.decode(msgspec.json.encode(text))
