"""Session descriptions of a phone that has nothing to say: one audio stream, offered and answered, but never sent.

RFC 8866 for the text, RFC 3264 for offer and answer. The port is discard (RFC 863): whoever does send media sends it
there.
"""

from __future__ import annotations

from typing import Final

CONTENT_TYPE: Final = "application/sdp"
DISCARD_PORT: Final = 9

CODECS: Final = {"0": "PCMU/8000", "8": "PCMA/8000", "101": "telephone-event/8000"}
"""Payload types as offered. RFC 3551 §6 for 0 and 8; 101 is dynamic and means what its rtpmap says."""
STATIC: Final = frozenset({"0", "8"})
"""Payload types that mean the same in every description: the ones an answer may choose without reading an rtpmap."""
PROTOCOLS: Final = frozenset({"RTP/AVP", "RTP/AVPF"})
MAX_STREAMS: Final = 32
"""Streams an answer refuses one by one; a description with more is not answered."""


def offer(host: str, session: int) -> bytes:
    """Offer audio. `host` is numeric, `session` a number of the caller's choice. RFC 3264 §5"""
    return _description(host, session, [_audio(list(CODECS))])


def answer(offered: bytes, host: str, session: int) -> bytes | None:
    """Accept the first audio stream that has a codec of ours and refuse all others; None if there is no such stream.

    An answer has exactly one stream for each stream offered, in the same order. RFC 3264 §6
    """
    streams = [_fields(line) for line in offered.decode("latin-1").splitlines() if line.startswith("m=")]
    if len(streams) > MAX_STREAMS:
        return None
    accepted = False
    media: list[list[str]] = []
    for kind, port, protocol, formats in streams:
        codecs = [codec for codec in formats if codec in STATIC]
        if not accepted and kind == "audio" and port != "0" and protocol in PROTOCOLS and codecs:
            accepted = True
            media.append(_audio(codecs, protocol))
        else:
            media.append([f"m={kind} 0 {protocol} {' '.join(formats) or '0'}"])
    return _description(host, session, media) if accepted else None


def _fields(line: str) -> tuple[str, str, str, list[str]]:
    """Kind, port, protocol and formats of an `m=` line; a mutilated one reads as a stream that is switched off."""
    words = line[2:].split()
    if len(words) < 3:
        return (words or ["audio"])[0], "0", "RTP/AVP", []
    return words[0], words[1], words[2], words[3:]


def _audio(codecs: list[str], protocol: str = "RTP/AVP") -> list[str]:
    return [
        f"m=audio {DISCARD_PORT} {protocol} {' '.join(codecs)}",
        *(f"a=rtpmap:{codec} {CODECS[codec]}" for codec in codecs),
        "a=sendrecv",
    ]


def _description(host: str, session: int, media: list[list[str]]) -> bytes:
    family = "IP6" if ":" in host else "IP4"
    lines = [
        "v=0",
        f"o=- {session} {session} IN {family} {host}",
        "s=-",
        f"c=IN {family} {host}",
        "t=0 0",
        *(line for stream in media for line in stream),
    ]
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")
