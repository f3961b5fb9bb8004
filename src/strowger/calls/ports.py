"""What the domain asks of the rooms around it, and the plain data that crosses.

Callbacks named `done` and `answer` are called later, from the event loop's thread, never before the method returned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from strowger.calls.call import Branch, Call, GroupStep
from strowger.calls.errors import CallError
from strowger.calls.identifier import Identifier, Kind
from strowger.calls.reports import Report


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """The answer to one repeatable request, kept so that a repeat gets the same answer (ACS: Repeatable Requests)."""

    scope: str
    """Whose request ids these are: resource, method and path."""
    request_id: str
    fingerprint: bytes
    """A digest of method, path, api-version and body; another one under the same id is a different request."""
    accepted_at: float
    """Wall clock, seconds."""
    status: int
    body: bytes = b""
    correlation_id: str = ""
    """Echoed in the reply's headers."""


class OutboxEntry(msgspec.Struct, frozen=True, gc=False):
    """One event on its way to one subscription."""

    event_id: str
    subscription: str
    """`resource/name`."""
    call_id: str
    body: bytes
    """One event in its schema, as JSON, without the surrounding array."""
    created_at: float
    """Wall clock, seconds."""
    expires_at: float
    """Wall clock, seconds; never tried after this."""
    outlives_hop: bool = False
    """Whether it is still delivered when its hop is closed."""
    attempts: int = 0
    """Attempts that failed so far, as far as that is kept."""
    last_attempt_at: float = 0.0
    """Wall clock, seconds, when the last of them began; 0 before the first."""
    last_outcome: str = ""
    """What came of it, in one word."""


class Commit(msgspec.Struct, frozen=True, gc=False):
    """One decision, written in one transaction or not at all."""

    call: bytes
    """The call, encoded (`calls.call.Call` as JSON)."""
    call_id: str
    resource: str
    state: str
    created_at: float
    ended_at: float
    """0 while the call lives."""
    revision: int
    """1 for a new call; otherwise exactly one more than the stored revision, else the commit is refused."""
    leg: bytes = b""
    """What the SIP room needs to take the caller's INVITE up again after a restart; given with revision 1 only."""
    events: Sequence[OutboxEntry] = ()
    withdrawn: str = ""
    """The event id whose undelivered entries are dropped, because its hop is closed; those stay that outlive it."""
    receipt: Receipt | None = None
    is_patient: bool = False
    """Nothing waits for it: it may be written along with the next change, a fraction of a second later."""


class StoredCall(msgspec.Struct, frozen=True, gc=False):
    """A call as read back."""

    call: Call
    revision: int
    leg: bytes


Done = Callable[[CallError | None], None]
"""Called once: with None when the change is durable, else with `StoreUnavailable` or, for a lost compare-and-set,
`HopClosed`."""


class Journal(Protocol):
    """Where changes of calls are written."""

    def commit(self, unit: Commit, done: Done) -> None:
        """Write one decision; `done(None)` only once it is durable."""

    def add_events(self, entries: Sequence[OutboxEntry], done: Done) -> None:
        """Keep events that come with no change of a call."""


class Store(Journal, Protocol):
    """Where calls, undelivered events, receipts and secrets are kept."""

    def save_receipt(self, receipt: Receipt, done: Done) -> None:
        """Keep the answer to a request that changed no call (a 4xx)."""

    def find_receipt(self, scope: str, request_id: str) -> Receipt | None:
        """The stored answer to a request id, if any."""

    def delivered(self, entry: OutboxEntry) -> None:
        """The entry needs no further attempt. Need not be durable at once: events are delivered at least once."""

    def tried(self, entry: OutboxEntry) -> None:
        """Keep how often the entry was tried. Need not be durable at once; nothing happens when it is not there."""

    def live_calls(self) -> list[StoredCall]:
        """Every call that has not ended, oldest first."""

    def ended_calls(self, since: float) -> list[StoredCall]:
        """Calls that ended at or after `since` (wall clock, seconds)."""

    def pending_events(self) -> list[OutboxEntry]:
        """Every undelivered entry, oldest first."""

    def find_call(self, call_id: str) -> Call | None:
        """One call, live or ended. A unique prefix of at least four characters is enough."""

    def recent_calls(self, limit: int) -> list[Call]:
        """The newest calls first."""

    def prune(self, now: float) -> None:
        """Drop what has been kept long enough (wall clock, seconds)."""

    def secret(self, name: str, make: Callable[[], bytes]) -> bytes:
        """A secret of this installation, made on first use and durable before this returns."""

    def is_writable(self) -> bool:
        """Whether the last write succeeded."""

    def close(self) -> None:
        """Finish what was given and let go of the files."""


class Telephony(Protocol):
    """The caller's and the targets' side of a call; implemented by the SIP edge."""

    def proceed(self, call_id: str, *, ringing: bool) -> None:
        """Tell the caller that the call is being worked on (100) and, if asked, that it rings (180)."""

    def ring(self, call: Call, hop_index: int) -> None:
        """Ring every branch of the hop; each outcome comes back through the exchange."""

    def ring_branch(self, call: Call, hop_index: int, branch: int) -> None:
        """Ring a branch that joined the hop."""

    def stop_ringing(self, call_id: str, hop_index: int, why: str) -> None:
        """Cancel every branch of the hop that has not ended."""

    def finish(
        self, call_id: str, status: int, reason: str, relayed: object | None, contacts: tuple[str, ...] = ()
    ) -> None:
        """Give the caller the final response: `relayed` as it came from the target, else one made from status and
        reason. With a 302 go the `contacts` to call instead, the preferred one first.
        """

    def disown(self, call_id: str, hop_index: int, relayed: object) -> None:
        """A branch answered after its hop was decided: end that dialog, the caller never hears of it."""

    def restore(self, stored: StoredCall) -> bool:
        """Take a call's transactions up again after a restart; False when its caller cannot be reached any more."""

    def resume(self, call_id: str) -> None:
        """Send what a restored call needs: 180 again to the caller, the INVITE again on each branch."""


class Announcer(Protocol):
    """Tells applications of calls; implemented by the events room."""

    def is_told(self, call: Call) -> bool:
        """Whether anybody would be told of the IncomingCall of the call's current hop."""

    def compose(self, call: Call, context: str) -> tuple[OutboxEntry, ...]:
        """The outbox entries that announce the current hop; nothing is sent yet."""

    def tells_outcomes(self, resource: str) -> bool:
        """Whether anybody wants to know what becomes of the redirects of a resource."""

    def report(self, reports: Sequence[Report]) -> tuple[OutboxEntry, ...]:
        """The outbox entries that tell of these facts; empty when nobody wants to know."""

    def publish(self, entries: Iterable[OutboxEntry]) -> None:
        """Start delivering entries that are durable now."""

    def withdraw(self, event_id: str) -> None:
        """Stop trying: the hop is closed."""


class RingPlan(msgspec.Struct, frozen=True, gc=False):
    """How to reach one addressee."""

    to: Identifier
    ring: tuple[str, ...] = ()
    """Rung at once."""
    via: str = ""
    """The trunk of these URIs; empty for a user's own contacts."""
    reserve: tuple[Branch, ...] = ()
    """Further trunks, in the order to try them."""
    announced: bool = False
    """Whether the addressee is ours, so that an IncomingCall is raised for it."""
    group: GroupStep | None = None
    """Who is rung of a group; then nobody is in `ring`."""
    time_s: float = 0.0
    """How long it is rung, seconds; 0 for as long as is usual."""
    later_s: float = 0.0
    """How long the members of a group that come after it may ring."""

    @property
    def rings(self) -> bool:
        """Whether there is anybody to ring."""
        return bool(self.ring or (self.group is not None and self.group.branches))


class Arrival(msgspec.Struct, frozen=True):
    """A new INVITE, as the SIP edge understood it."""

    dialled: str
    """User part of the Request-URI, unescaped."""
    host: str
    """Host of the Request-URI."""
    caller: str
    """User part of the From URI, unescaped; empty when there is none."""
    caller_uri: str
    display_name: str
    source: str
    """IP address the INVITE came from."""
    leg: bytes
    custom_headers: dict[str, str]
    came_by: str = ""
    """Name of the trunk that sent the INVITE; empty for anybody else."""
    headers_left_out: tuple[str, ...] = ()
    """What of its custom headers the application is not shown, and why, for a person."""
    caller_user: str = ""
    """The raw id of the user that the sender proved to be, in lower case; empty when it proved nothing."""
    is_stranger: bool = False
    """Nothing speaks for the sender, not even its address."""


class WaysOut(Protocol):
    """The ways to the outside; implemented by the trunks."""

    def ways_out(self, kind: Kind, dialled: str) -> Sequence[Branch]:
        """The trunks that lead to a number or id just now, in the order to try them; at least one.

        Raises TargetUnroutable where no route leads there, TargetUnreachable while none of its trunks serves.
        """

    def sends_back(self, trunk: str) -> bool:
        """Whether callers that come by this trunk are told to call a new target themselves."""
