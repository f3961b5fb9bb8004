"""Offers and answers, byte for byte."""

from __future__ import annotations

import pytest

from strowger.phones import sdp


def lines(*text: str) -> bytes:
    return "".join(f"{line}\r\n" for line in text).encode()


def test_the_offer() -> None:
    assert sdp.offer("192.0.2.1", 7) == lines(
        "v=0",
        "o=- 7 7 IN IP4 192.0.2.1",
        "s=-",
        "c=IN IP4 192.0.2.1",
        "t=0 0",
        "m=audio 9 RTP/AVP 0 8 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=sendrecv",
    )
    assert b"c=IN IP6 ::1\r\n" in sdp.offer("::1", 7)


def test_our_own_offer_is_answered() -> None:
    answer = sdp.answer(sdp.offer("192.0.2.1", 7), "192.0.2.2", 1)
    assert answer == lines(
        "v=0",
        "o=- 1 1 IN IP4 192.0.2.2",
        "s=-",
        "c=IN IP4 192.0.2.2",
        "t=0 0",
        "m=audio 9 RTP/AVP 0 8",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=sendrecv",
    )


def test_each_stream_is_answered_and_only_one_is_accepted() -> None:
    offer = lines(
        "m=video 5000 RTP/AVP 31",
        "m=audio 0 RTP/AVP 0",
        "m=audio 5002 RTP/SAVP 0",
        "m=audio 5004 RTP/AVP 18",
        "m=audio 5006 RTP/AVPF 18 8",
        "m=audio 5008 RTP/AVP 0",
        "m=",
    )
    answer = sdp.answer(offer, "192.0.2.2", 1)
    assert answer is not None
    assert [line for line in answer.decode().splitlines() if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 31",
        "m=audio 0 RTP/AVP 0",
        "m=audio 0 RTP/SAVP 0",
        "m=audio 0 RTP/AVP 18",
        "m=audio 9 RTP/AVPF 8",
        "m=audio 0 RTP/AVP 0",
        "m=audio 0 RTP/AVP 0",
    ]


@pytest.mark.parametrize("offer", [b"", b"\xff\x00", lines("m=audio 5004 RTP/AVP 18"), lines("m=video 1 RTP/AVP 0")])
def test_an_offer_that_nobody_can_take(offer: bytes) -> None:
    assert sdp.answer(offer, "192.0.2.2", 1) is None


def test_only_so_many_streams_are_answered() -> None:
    stream = "m=audio 5004 RTP/AVP 0"
    assert sdp.answer(lines(*[stream] * sdp.MAX_STREAMS), "192.0.2.2", 1) is not None
    assert sdp.answer(lines(*[stream] * (sdp.MAX_STREAMS + 1)), "192.0.2.2", 1) is None
