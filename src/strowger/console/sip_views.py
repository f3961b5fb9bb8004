"""The shapes in which the admin API shows the SIP side: who is registered, how the trunks are, where a call would go.

Names as in the settings, times in ISO 8601 and UTC. The command line decodes what it gets into the same shapes.
"""

from __future__ import annotations

import msgspec

from strowger.console.views import PartyView


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


class TrunkView(msgspec.Struct, frozen=True):
    """One trunk and how it is."""

    name: str
    uri: str
    priority: int
    weight: int
    state: str
    """up, suspect, down, recovering or held (`sip.trunk.health`); calls go to the first two only."""
    is_asked: bool
    """Whether it is asked by OPTIONS; otherwise only calls tell how it is."""
    why: str
    """What was heard of it last."""
    since: str
    """When it got into this state."""
    held_for_s: int
    """How long it wants to be left alone yet; 0 when it does not."""
    registration: str
    """How far our registration there is (`sip.trunk.registering`); empty when we do not register."""
    registration_why: str
    """What was heard of it last."""
    registered_for_s: int
    """How long it lasts yet; 0 when we are not registered."""
    calls: int
    """Calls that ring through it just now."""


class TrunksView(msgspec.Struct, frozen=True):
    """The answer of GET /admin/trunks."""

    trunks: tuple[TrunkView, ...]


class RouteView(msgspec.Struct, frozen=True):
    """One route that matches a target."""

    kind: str
    match: str
    to: tuple[str, ...]


class WayView(msgspec.Struct, frozen=True):
    """One trunk of the route that decides."""

    trunk: str
    place: int
    """When it is tried, from 1; 0 when it is left out."""
    left_out: str
    """Why it is left out."""
    priority: int
    weight: int
    share: float
    """How likely it is tried before the others of its priority that serve, 0 to 1."""
    uri: str
    """The Request-URI, with the number as this trunk wants it."""
    number_format: str
    caller_id: str
    caller: str
    """Whom it is shown as the caller, or words where that depends on the call."""
    forwarded_as: tuple[str, ...]
    """How it is told that the call was forwarded."""


OURS = "ours"
"""The outcome of a target that is a user or a number of the resource."""
OUTSIDE = "outside"
"""The outcome of a target that is rung through a trunk."""
REFUSED = "refused"
"""The outcome of a target that a redirect is refused for."""


class MemberView(msgspec.Struct, frozen=True):
    """One member of a group."""

    who: PartyView
    ring: tuple[str, ...]
    """Its phones; of one outside, where the call would be sent first."""
    time_s: float
    """How long it would ring, seconds; 0 for as long as all of them do."""
    left_out: str
    """Why it would not be rung; empty when it would."""


class RouteTestView(msgspec.Struct, frozen=True):
    """The answer of GET /admin/routes:test: what a redirect would do now."""

    target: PartyView
    resource: str
    """Whose call would be redirected."""
    outcome: str
    says: str
    """The outcome in a sentence, or why the redirect is refused and what to do."""
    code: str
    """The `error.code` that the application would get; empty when it would get 204."""
    is_announced: bool
    """Whether the target gets an IncomingCall of its own."""
    ring: tuple[str, ...]
    """The phones of a user of ours that would ring."""
    routes: tuple[RouteView, ...]
    """All routes that match; the first one decides."""
    ways: tuple[WayView, ...]
    """Its trunks: those that are tried in their order, then those that are left out."""
    is_drawn: bool
    """Whether the order of trunks of one priority is drawn for each call."""
    members: tuple[MemberView, ...] = ()
    """Of a group, in their order."""
