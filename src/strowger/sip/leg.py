"""What the SIP side remembers of one call: the caller's transaction, and one fork per hop that was rung."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from strowger.calls.call import Branch
from strowger.sip.flow import Flow
from strowger.sip.location.resolve import Destination
from strowger.sip.message.message import Request, Response, parse_message
from strowger.sip.proxy.response_context import ResponseContext
from strowger.sip.transaction.key import client_key
from strowger.sip.trunk.identity import Caller
from strowger.sip.trunk.passage import Step


class StoredLeg(msgspec.Struct, frozen=True):
    """The caller's side as the store keeps it: enough to be in the same transaction again after a restart."""

    transport: str
    host: str
    port: int
    listener: int
    invite: bytes
    """The INVITE as received, with `received` and `rport` noted in its top Via."""


encode_leg = msgspec.msgpack.Encoder().encode
decode_leg = msgspec.msgpack.Decoder(StoredLeg).decode


class Attempt:
    """One INVITE of a fork: for which branch, where it went and under which transaction."""

    __slots__ = (
        "branch",
        "challenges",
        "credentials",
        "detours",
        "first",
        "flow",
        "flows",
        "is_adopted",
        "is_behind_nat",
        "is_replaced",
        "key",
        "number",
        "owes_cancel",
        "owes_invite",
        "patient_until",
        "place",
        "places",
        "rings",
        "route",
        "trouble",
    )

    def __init__(self, branch: Branch, number: int) -> None:
        self.branch = branch
        self.number = number
        """The branch's place among those that the call keeps; -1 until it is kept."""
        self.first = number
        """The number of the branch that was rung first, and in whose place it is, if it is in any."""
        self.flow: Flow | None = None
        self.place: Destination | None = None
        """Where the flow leads, if that was looked up."""
        self.flows: tuple[Flow, ...] = ()
        """Further ways to the same place, for when this one cannot be taken."""
        self.places: tuple[Destination, ...] = ()
        """Further places where the branch's URI is served."""
        self.route: tuple[str, ...] = ()
        self.is_behind_nat = False
        """Whether only the flow leads there, though its transport would let us open another."""
        self.key = ""
        self.is_adopted = False
        """Taken up after a restart and not heard of since: whether it had been challenged is not known."""
        self.is_replaced = False
        """Whether another branch took this one's place."""
        self.rings = False
        """Whether somebody there may have heard of the call: then it goes nowhere else (RFC 3261 §21.1.1)."""
        self.patient_until: float | None = None
        """When the next place is tried, if nothing came back."""
        self.challenges = 0
        """Challenges answered on this branch."""
        self.detours = 0
        """Ways to the same place that could not be taken."""
        self.credentials: tuple[str, str] | None = None
        """The header, name and value, that answered the latest."""
        self.owes_cancel = False
        """Cancelled while its way was still being looked up."""
        self.trouble = ""
        """Why nothing came of it, in words."""
        self.owes_invite = False
        """To be rung again after a restart, as soon as its way is known."""


class Fork:
    """One hop's branches: the response context, and an attempt for each of its branches."""

    __slots__ = (
        "attempts",
        "caller",
        "context",
        "disowned",
        "hop_index",
        "name",
        "refused",
        "reserve",
        "steps",
        "user",
    )

    def __init__(  # noqa: PLR0913 - what is known of a hop, once
        self,
        call_id: str,
        hop_index: int,
        branches: Sequence[Branch],
        now: float,
        timer_c_s: float,
        *,
        user: str = "",
        reserve: tuple[Branch, ...] = (),
        steps: tuple[Step, ...] = (),
        caller: Caller | None = None,
        global_failures: tuple[int, ...] | None = None,
        refused: Mapping[int, int] | None = None,
    ) -> None:
        """`user` is the raw id of whoever is rung; the URIs may be phones that it registered. `global_failures` are the
        final responses of one branch that end all; None for every 6xx. `refused` has the final status of each branch,
        by number, that is known to have ended before a restart.
        """
        self.user = user
        self.name = f"{call_id}/{hop_index}"
        self.hop_index = hop_index
        self.attempts = [Attempt(branch, number) for number, branch in enumerate(branches)]
        for attempt in self.attempts:
            if attempt.branch.replaces >= 0:
                attempt.first = self.attempts[attempt.branch.replaces].first
        self.refused = refused or {}
        self.reserve = reserve
        """Trunks that are still to be tried."""
        self.context = ResponseContext(len(branches), now, timer_c_s, global_failures)
        self.steps = steps
        self.caller = caller or Caller()
        self.disowned: set[tuple[int, str]] = set()
        """Branch and To tag of each unwanted answer that was ended with BYE."""

    @property
    def call_id(self) -> str:
        """The call it is a hop of."""
        return self.name.rpartition("/")[0]


class Leg:
    """The caller's side of one call. Holds bytes, not parsed messages: ten thousand of these may wait."""

    __slots__ = (
        "arriving",
        "call_id",
        "cancel_key",
        "flow",
        "forks",
        "has_other_from",
        "invite",
        "is_answer_owed",
        "is_answered",
        "is_finished",
        "key",
        "owed_contacts",
        "owed_status",
        "route_token",
    )

    def __init__(self, call_id: str, key: str, flow: Flow, invite: bytes) -> None:
        self.call_id = call_id
        self.key = key
        self.flow = flow
        self.invite = invite
        self.arriving: Request | None = None
        """The INVITE as parsed on arrival, until the first response to it."""
        self.cancel_key = ""
        """The caller's CANCEL, answered once its effect is durable."""
        self.forks: dict[int, Fork] = {}
        self.is_finished = False
        self.is_answer_owed = False
        """Restored after its answer was decided: the target's repeated 2xx still has to be relayed."""
        self.owed_contacts: tuple[str, ...] = ()
        self.owed_status = 0
        """Restored after its end was decided: the final response the caller may still lack."""
        self.has_other_from = False
        """A trunk was shown another From than the caller's: in its responses the caller's own is put back."""
        self.route_token = ""
        """What proves that a request towards the caller belongs to this call; only when we stay in the path."""
        self.is_answered = False
        """The caller has a 2xx, of which repeats are passed on. The 2xx itself would stay for half a minute."""

    def request(self) -> Request:
        """The caller's INVITE, parsed anew unless it has just arrived."""
        if self.arriving is not None:
            return self.arriving
        message = parse_message(self.invite)
        assert isinstance(message, Request)
        return message

    def attempt_of(self, response: Response) -> Attempt | None:
        """The attempt that a response answers; None for one that is gone."""
        key = client_key(response)
        for fork in self.forks.values():
            for attempt in fork.attempts:
                if attempt.key and attempt.key == key:
                    return attempt
        return None
