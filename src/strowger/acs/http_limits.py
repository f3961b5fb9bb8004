"""What one HTTP client may cost."""

from __future__ import annotations

import msgspec


class HttpLimits(msgspec.Struct, frozen=True):
    """Bounds of the HTTP listener; each of them ends in a clear refusal or a closed connection."""

    head_bytes: int = 16_384
    """Request line and headers together; beyond it 431."""
    head_fields: int = 64
    """Header fields; beyond it 400."""
    body_bytes: int = 65_536
    """Body; beyond it 413, before the rest is read."""
    head_s: float = 10.0
    """From the first byte of a request to the end of its headers; beyond it 408."""
    body_s: float = 20.0
    """From there to the end of its body; beyond it 408."""
    write_s: float = 20.0
    """How long a client may take to accept a reply before the connection is cut."""
    idle_s: float = 75.0
    """How long a connection may be silent between requests, or before the first."""
    linger_s: float = 2.0
    """How long the rest of a refused body is read and dropped, so that the client sees the refusal."""
    handshake_s: float = 5.0
    """How long a TLS handshake may take."""
    connections: int = 4_000
    """Open connections; further ones are cut at once."""
