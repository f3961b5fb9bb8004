"""The shapes in which the admin API shows the SIP side: who is registered, how the trunks are, where a call would go.

Names as in the settings, times in ISO 8601 and UTC. The command line decodes what it gets into the same shapes.
"""

from __future__ import annotations

import msgspec


class RegistrationView(msgspec.Struct, frozen=True):
    """One phone of one user, as it registered last (RFC 3261 §10)."""

    user: str
    """The user's short name."""
    raw_id: str
    contact: str
    expires_in_s: int
    q: float
    """Preference among the user's phones, 0 to 1."""
    transport: str
    """How the REGISTER came: udp, tcp, tls, ws or wss."""
    source: str
    """From where, `host:port`."""
    is_bound_to_flow: bool
    """Whether only the way its REGISTER came leads to it (RFC 5626 §5.3)."""
    path: tuple[str, ...]
    """The proxies to pass on the way to it (RFC 3327)."""
    user_agent: str
    instance: str
    """The phone's own identifier, `+sip.instance`; empty when it gave none."""
    updated_at: str


class RegistrationsView(msgspec.Struct, frozen=True):
    """The answer of GET /admin/registrations."""

    registrations: tuple[RegistrationView, ...]
    note: str = ""
    """Why there are none; empty when there are some."""
