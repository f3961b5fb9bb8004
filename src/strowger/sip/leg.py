"""What the SIP side remembers of one call: the caller's transaction, and one fork per hop that was rung."""

from __future__ import annotations

import msgspec

from strowger.sip.flow import Flow
from strowger.sip.message.message import Request, Response, parse_message
from strowger.sip.proxy.response_context import ResponseContext
from strowger.sip.transaction.key import client_key


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


class Fork:
    """One hop's branches: the response context and, for each branch, where it went and under which transaction."""

    __slots__ = ("context", "disowned", "flows", "hop_index", "keys", "name", "routes", "uris", "user")

    def __init__(
        self, call_id: str, hop_index: int, uris: tuple[str, ...], now: float, timer_c_s: float, user: str = ""
    ) -> None:
        """`user` is the raw id of whoever is rung; the URIs may be phones that it registered."""
        self.user = user
        self.name = f"{call_id}/{hop_index}"
        self.hop_index = hop_index
        self.uris = uris
        self.context = ResponseContext(len(uris), now, timer_c_s)
        self.flows: list[Flow | None] = [None] * len(uris)
        self.routes: list[tuple[str, ...]] = [()] * len(uris)
        self.keys: list[str] = [""] * len(uris)
        self.disowned: set[tuple[int, str]] = set()
        """Branch and To tag of each unwanted answer that was ended with BYE."""


class Leg:
    """The caller's side of one call. Holds bytes, not parsed messages: ten thousand of these may wait."""

    __slots__ = (
        "arriving",
        "call_id",
        "cancel_key",
        "flow",
        "forks",
        "invite",
        "is_answer_owed",
        "is_answered",
        "is_finished",
        "key",
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
        self.owed_status = 0
        """Restored after its end was decided: the final response the caller may still lack."""
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

    def target_flow(self, response: Response) -> Flow | None:
        """The way by which the branch that a response answers was rung; None for a branch that is gone."""
        key = client_key(response)
        for fork in self.forks.values():
            if key in fork.keys:
                return fork.flows[fork.keys.index(key)]
        return None
