"""The edge of each limit is tested where it is enforced: test_head, test_message, test_check, test_uri, and here."""

import pytest

from strowger.sip.message import limits, message
from strowger.sip.message.errors import ParseError
from strowger.sip.message.grammar import parse_parameters
from strowger.sip.message.limits import MAX_PARAMETERS


def test_the_published_limits() -> None:
    assert (message.MAX_MESSAGE_BYTES, message.MAX_HEADER_LINES, message.MAX_HEADER_LINE_BYTES) == (65_535, 256, 8_192)
    assert (message.MAX_VIA, message.MAX_URI_BYTES) == (64, 2_048)
    assert (limits.MAX_CSEQ, limits.MAX_FORWARDS) == (2_147_483_647, 255)


@pytest.mark.parametrize("value", ["", '="a;b"'])
def test_parameters_at_their_limit(value: str) -> None:
    most = "".join(f";p{index}{value}" for index in range(MAX_PARAMETERS))
    assert len(parse_parameters(most)) == MAX_PARAMETERS
    with pytest.raises(ParseError) as caught:
        parse_parameters(most + ";more")
    assert caught.value.status == 400
