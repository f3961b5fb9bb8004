"""The shapes in which the admin API shows calls: names as in `calls`, times in ISO 8601 and UTC.

The command line decodes what it gets from the API into the same shapes.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from strowger.calls.call import Branch, Call, GroupStep, Hop, Opening
from strowger.calls.identifier import Identifier


class PartyView(msgspec.Struct, frozen=True):
    """Who calls or is called."""

    kind: str
    raw_id: str


class BranchView(msgspec.Struct, frozen=True):
    """One way in which an addressee was rung."""

    uri: str
    trunk: str
    """Empty for a user's own phone."""
    destination: str
    """Where it was sent, if not simply where its URI leads."""
    replaces: int | None
    """The number, from 0, of the branch that led nowhere before; None for one that rang beside the others."""
    rung_at: str
    because: str = ""
    """Why the branch that it replaces led nowhere."""
    rang_at: str | None = None
    """When it rang first; None if it did not, as far as is known."""
    ended_at: str | None = None
    status: int | None = None
    """Its final SIP status, or the one that stands for its silence; None while it has none."""
    reason: str = ""
    """The reason phrase of that."""
    cause: int | None = None
    """The Q.850 cause that came with it."""
    member: str = ""
    """The raw id of the member of a group that it was rung for; empty where the addressee itself was rung."""


class GroupView(msgspec.Struct, frozen=True):
    """Who of a group was rung."""

    position: int | None
    """In a hunt the place of the member, from 1; None where all ring together."""
    members: int
    left_out: tuple[str, ...]
    """Members that were not rung, each with the reason."""


class HopView(msgspec.Struct, frozen=True):
    """One addressee of a call."""

    to: PartyView
    event_id: str
    """The IncomingCall event that announced the hop; empty when there was none."""
    ring: tuple[str, ...]
    via: str
    opened_at: str
    expires_at: str
    closed_at: str | None
    decision: str
    """What closed the hop; empty while it is open."""
    branches: tuple[BranchView, ...] = ()
    group: GroupView | None = None
    """Where the addressee is a group."""
    opening: str = ""
    """How the hop was opened: by a redirect, by default, by a return to the application; empty for the first."""
    failure: str = ""
    """Why the call was returned; empty for a hop that was opened otherwise."""


class CallView(msgspec.Struct, frozen=True):
    """One call."""

    id: str
    resource: str
    state: str
    from_: PartyView = msgspec.field(name="from")
    display_name: str
    created_at: str
    ended_at: str | None
    final_status: int | None
    """The SIP status that the caller got; None while the call lives."""
    why: str
    custom_headers: dict[str, str]
    headers_left_out: tuple[str, ...]
    """What of the caller's custom headers the events do not show, and why."""
    came_by: str
    """The trunk it came by; empty for any other source."""
    hops: tuple[HopView, ...]


class CallsView(msgspec.Struct, frozen=True):
    """The answer of GET /admin/calls."""

    calls: tuple[CallView, ...]


class WhyView(msgspec.Struct, frozen=True):
    """The answer of GET /admin/calls/{id}/why."""

    id: str
    state: str
    why: str
    chain: tuple[str, ...]
    """A sentence for each hop, in order."""
    notes: tuple[str, ...] = ()
    """What else there is to know of the call."""


class ChangeView(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of GET /admin/calls:watch."""

    what: str
    """What happened to the call, or one of WATCHING, DROPPED and STOPPING, which have no call."""
    call: CallView | None = None
    message: str = ""


WATCHING = "watching"
"""The first line: everything from now on is told."""
DROPPED = "dropped"
"""The last line of a watcher that reads too slowly."""
STOPPING = "stopping"
"""The last line when the server stops."""


def iso(at: float) -> str:
    """Seconds since 1970 as `2026-01-01T00:00:00.000Z`."""
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def seconds(text: str) -> float:
    """What `iso` wrote, as seconds since 1970. Raises ValueError."""
    return datetime.fromisoformat(text).timestamp()


def view(call: Call) -> CallView:
    """One call as it is shown."""
    return CallView(
        id=call.call_id,
        resource=call.resource,
        state=call.state.value,
        from_=_party(call.caller),
        display_name=call.display_name,
        created_at=iso(call.created_at),
        ended_at=iso(call.ended_at) if call.ended_at else None,
        final_status=call.final_status or None,
        why=call.why,
        custom_headers=call.custom_headers,
        headers_left_out=call.headers_left_out,
        came_by=call.came_by,
        hops=tuple(map(_hop, call.hops)),
    )


def _hop(hop: Hop) -> HopView:
    return HopView(
        to=_party(hop.to),
        event_id=hop.event_id,
        ring=tuple(branch.uri for branch in hop.branches),
        via=", ".join(dict.fromkeys(branch.trunk for branch in hop.branches if branch.trunk)),
        opened_at=iso(hop.opened_at),
        expires_at=iso(hop.expires_at),
        closed_at=iso(hop.closed_at) if hop.closed_at else None,
        decision=hop.decision,
        branches=tuple(_branch(branch, hop, number) for number, branch in enumerate(hop.branches)),
        group=_group(hop.group) if hop.group is not None else None,
        opening=hop.opening.value,
        failure=hop.failure.why if hop.failure is not None and hop.opening is Opening.RETURNED else "",
    )


def _branch(branch: Branch, hop: Hop, number: int) -> BranchView:
    report = hop.report_of(number)
    return BranchView(
        uri=branch.uri,
        trunk=branch.trunk,
        destination=branch.destination,
        replaces=branch.replaces if branch.replaces >= 0 else None,
        rung_at=iso(branch.rung_at or hop.opened_at),
        because=branch.because,
        member=branch.member,
        rang_at=iso(report.rang_at) if report.rang_at else None,
        ended_at=iso(report.ended_at) if report.ended_at else None,
        status=report.status or None,
        reason=report.reason,
        cause=report.cause or None,
    )


def _group(step: GroupStep) -> GroupView:
    return GroupView(step.position or None, step.members, step.left_out)


def _party(identifier: Identifier) -> PartyView:
    return PartyView(identifier.kind.value, identifier.raw_id)
