"""The edge of each limit is tested where it is enforced: test_head, test_message, test_check, test_uri, and here."""

import pytest

from strowger.sip.message import limits, message
from strowger.sip.message.errors import ParseError
from strowger.sip.message.grammar import parse_parameters
from strowger.sip.message.limits import LONGEST_URI_BYTES, MAX_PARAMETERS, MessageLimits


def test_the_published_limits() -> None:
    assert (message.MAX_MESSAGE_BYTES, message.MAX_HEADER_LINES, message.MAX_HEADER_LINE_BYTES) == (65_536, 256, 8_192)
    assert (message.MAX_VIA, message.MAX_URI_BYTES) == (64, 2_048)
    assert (limits.MAX_CSEQ, limits.MAX_FORWARDS) == (2_147_483_647, 255)


@pytest.mark.parametrize("value", ["", '="a;b"'])
def test_parameters_at_their_limit(value: str) -> None:
    most = "".join(f";p{index}{value}" for index in range(MAX_PARAMETERS))
    assert len(parse_parameters(most)) == MAX_PARAMETERS
    with pytest.raises(ParseError) as caught:
        parse_parameters(most + ";more")
    assert caught.value.status == 400


def test_what_can_be_set_is_by_default_as_published() -> None:
    assert MessageLimits() == MessageLimits(
        message_bytes=limits.MAX_MESSAGE_BYTES,
        header_lines=limits.MAX_HEADER_LINES,
        header_line_bytes=limits.MAX_HEADER_LINE_BYTES,
        vias=limits.MAX_VIA,
        addresses=limits.MAX_ADDRESSES,
        uri_bytes=limits.MAX_URI_BYTES,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"message_bytes": 0},
        {"header_lines": 0},
        {"header_line_bytes": 0},
        {"vias": 0},
        {"addresses": 0},
        {"uri_bytes": 0},
        {"uri_bytes": LONGEST_URI_BYTES + 1},
    ],
)
def test_limits_by_which_nothing_could_be_read(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="octet"):
        MessageLimits(**wrong)
    assert MessageLimits(uri_bytes=LONGEST_URI_BYTES).uri_bytes == 8_192
