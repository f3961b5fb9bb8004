"""The bounds, as published."""

from __future__ import annotations

from dataclasses import asdict

from strowger.sip.message import MessageLimits
from strowger.sip.transport.limits import TransportLimits


def test_defaults():
    assert asdict(TransportLimits()) == {
        "message": asdict(MessageLimits()),
        "tcp_connections": 4_000,
        "tcp_connections_per_address": 100,
        "tcp_connecting": 256,
        "handshakes": 256,
        "handshake_s": 5.0,
        "tcp_idle_s": 3_600.0,
        "tcp_message_s": 32.0,
        "tcp_write_buffer_bytes": 262_144,
        "ws_frame_bytes": 65_536,
        "ws_origins": (),
        "ws_ping_s": 30.0,
        "connect_timeout_s": 3.0,
        "connecting_queue": 64,
        "close_s": 1.0,
        "udp_receive_buffer_bytes": 4_194_304,
        "datagram_bytes": 65_507,
        "resolve_names": 1_000,
        "resolve_pending": 16,
        "resolve_timeout_s": 4.0,
        "resolve_retry_s": 5.0,
        "resolve_stale_s": 3_600.0,
    }
