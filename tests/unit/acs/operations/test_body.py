from __future__ import annotations

import msgspec
import pytest

from strowger.acs.errors import ArgumentInvalid
from strowger.acs.operations.body import decode


class Inner(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    raw_id: str
    size: int | None = None


class Outer(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    target: Inner


DECODER = msgspec.json.Decoder(Outer)


def refusal(body: bytes) -> tuple[str, str | None]:
    with pytest.raises(ArgumentInvalid) as caught:
        decode(DECODER, body)
    return caught.value.message, caught.value.target


def test_a_good_body() -> None:
    assert decode(DECODER, b'{"target":{"rawId":"a"}}') == Outer(Inner("a"))


@pytest.mark.parametrize(
    ("body", "message", "target"),
    [
        (b"{}", "The member 'target' is missing.", "target"),
        (b'{"target":{}}', "The member 'target.rawId' is missing.", "target.rawId"),
        (b'{"target":{"rawId":1}}', "Expected 'str', got 'int' at 'target.rawId'.", "target.rawId"),
        (b'{"target":[]}', "Expected 'object', got 'array' at 'target'.", "target"),
        (b"[]", "Expected 'object', got 'array' at 'the body'.", None),
        (b'{"x":1,"target":{"rawId":"a"}}', "The body has no member 'x' in this operation.", "x"),
        (b'{"target":{"rawId":"a","x":1}}', "The body has no member 'target.x' in this operation.", "target.x"),
        (
            b'{"target":{"rawId":"a"},"target":{"rawId":"b"}}',
            "The body gives the member 'target' more than once.",
            "target",
        ),
        (
            b'{"target":{"rawId":"4\\u003a1","rawId":"4:1"}}',
            "The body gives the member 'rawId' more than once.",
            "rawId",
        ),
        (b'{"target":{"rawId":"a","raw\\u0049d":"b"}}', "The body gives the member 'rawId' more than once.", "rawId"),
    ],
)
def test_the_part_at_fault_is_named(body: bytes, message: str, target: str | None) -> None:
    assert refusal(body) == (message, target)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Input data was truncated"),
        (b'{"target"', "Input data was truncated"),
        (b"{'target':1}", "object keys must be strings"),
        (b'{"target":{"rawId":"a"}} x', "trailing characters"),
        (b'\xef\xbb\xbf{"target":{"rawId":"a"}}', "invalid character"),
        (b'{"target":{"rawId":"\xff"}}', "it is not UTF-8"),
        ('{"target":{"rawId":"a"}}'.encode("utf-16"), ""),
        (b'{"target":{"rawId":"\\ud800"}}', ""),
        (b'{"target":{"rawId":"a\x00"}}', "invalid character"),
        (b'{"target":{"rawId":"a","size":NaN}}', "invalid character"),
        (b'{"target":{"rawId":"a","size":Infinity}}', "invalid character"),
    ],
)
def test_what_is_no_json(body: bytes, reason: str) -> None:
    message, target = refusal(body)
    assert message.startswith("The body is not JSON: ") and reason in message
    assert target is None


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"target":', b'{"target":{"rawId":', b'{"target":{"x":['])
def test_depth_is_no_bomb(opening: bytes) -> None:
    refusal(opening * (65_536 // len(opening)))
    refusal(b'{"target":' + b"[" * 60_000)


@pytest.mark.parametrize("digits", [b"9" * 60_000, b"1e" + b"9" * 60_000, b"0." + b"3" * 60_000])
def test_a_long_number_is_no_bomb(digits: bytes) -> None:
    refusal(b'{"target":{"rawId":"a","size":' + digits + b"}}")


def test_many_members_are_refused_at_the_first() -> None:
    refusal(b"{" + b",".join(b'"a%d":1' % number for number in range(6_000)) + b"}")


def test_names_with_quotes_of_the_decoder_do_not_confuse() -> None:
    message, target = refusal(b'{"` - at `$.y`":1}')
    assert "no member" in message
    assert target is not None
