"""The transaction layer: finds the transaction of a message, opens new ones, runs their timers. RFC 3261 §17, RFC 6026

No clock and no sockets: the shell gives messages and `now` (seconds, monotonic) and does what the outputs say. What to
answer, where to send and how long a callee may ring is left to the core above. Messages are expected to have passed
`check_request` or `check_response`; ParseError comes out of `receive` if a field that identifies a transaction is
malformed all the same, and then nothing has changed.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from strowger.sip.message.message import Request, Response
from strowger.sip.transaction.errors import (
    DuplicateTransaction,
    InvalidRequest,
    TransactionLimit,
    UnknownTransaction,
    UnreadableSnapshot,
)
from strowger.sip.transaction.invite_client import InviteClient
from strowger.sip.transaction.invite_server import InviteServer
from strowger.sip.transaction.invite_server import State as InviteServerState
from strowger.sip.transaction.key import ack_key, client_key, merged_id, rfc2543_stem, server_key
from strowger.sip.transaction.machine import PlainTransaction
from strowger.sip.transaction.non_invite_client import NonInviteClient
from strowger.sip.transaction.non_invite_server import NonInviteServer
from strowger.sip.transaction.outputs import AckArrived, Ignored, Output, RequestArrived
from strowger.sip.transaction.refusal import is_ack_of_refusal, refuse_merged, refuse_overload
from strowger.sip.transaction.timers import TimerHeap, Timings

MAX_TRANSACTIONS: Final = 50_000

Server: TypeAlias = InviteServer | NonInviteServer
Client: TypeAlias = InviteClient | NonInviteClient


class TransactionLayer:
    """All transactions of one process."""

    __slots__ = ("_acks", "_clients", "_merged", "_servers", "_timers", "max_transactions", "timings")

    def __init__(self, timings: Timings | None = None, max_transactions: int = MAX_TRANSACTIONS) -> None:
        self.timings = timings or Timings()
        self.max_transactions = max_transactions
        self._servers: dict[str, Server] = {}
        self._clients: dict[str, Client] = {}
        self._timers = TimerHeap()
        self._merged: set[str] = set()
        """Digests of the requests being served, by which a copy that came another way is known."""
        self._acks: dict[str, str] = {}
        """Key of the ACK of an RFC 2543 peer → key of its INVITE transaction."""

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    # From the network.

    def receive(self, message: Request | Response, flow: object, now: float, reliable: bool) -> list[Output]:
        """Take a message that came over `flow`; `reliable` says whether that flow repeats lost bytes by itself."""
        if isinstance(message, Response):
            return self._receive_response(message, now)
        key = server_key(message)
        machine = self._servers.get(key)
        if machine is not None:
            return self._settle(machine, machine.receive(message, flow, now), now)
        if message.method == "ACK":
            return self._receive_ack(message, key, flow, now)
        return self._admit(message, key, flow, reliable)

    def knows(self, request: Request) -> bool:
        """Whether the request belongs to a server transaction that is living: then it is a repeat."""
        return server_key(request) in self._servers

    def find_invite(self, cancel: Request) -> str | None:
        """Key of the INVITE server transaction that a CANCEL is about, in whatever state. RFC 3261 §9.2"""
        key = server_key(cancel, "INVITE")
        return key if key in self._servers else None

    # From the core.

    def respond(self, key: str, response: Response, now: float) -> list[Output]:
        """Answer a request. Raises UnknownTransaction if its transaction has ended."""
        machine = self._servers.get(key)
        if machine is None:
            raise UnknownTransaction(key)
        first = not machine.answered and response.status >= 200
        outputs = machine.respond(response, now)
        if first:
            self._answered(machine, response)
        return self._settle(machine, outputs, now)

    def request(self, request: Request, flow: object, now: float, reliable: bool) -> tuple[str, list[Output]]:
        """Open a client transaction; the request already carries our Via with its branch.

        Raises InvalidRequest, DuplicateTransaction or TransactionLimit; then nothing was sent.
        """
        key = client_key(request)
        if key is None or request.method == "ACK":
            raise InvalidRequest(f"{request.method} opens no transaction: an ACK, or a branch that is not unique")
        if key in self._clients:
            raise DuplicateTransaction(key)
        if len(self) >= self.max_transactions and not self._cancels_request(request):
            raise TransactionLimit(self.max_transactions)
        kind = InviteClient if request.method == "INVITE" else NonInviteClient
        machine = kind(key, flow, reliable, self.timings)
        self._clients[key] = machine
        return key, self._settle(machine, machine.start(request.to_bytes(), now), now)

    def forget(self, key: str) -> None:
        """Drop a transaction without a word, if it is still there."""
        machine = self._find(key)
        if machine is not None:
            self._remove(machine)

    # From the shell.

    def transport_failed(self, key: str, now: float) -> list[Output]:
        """What a `Send` with this key asked for could not be done."""
        machine = self._find(key)
        if machine is None:
            return [Ignored("the transport failed after the transaction had ended", None)]
        return self._settle(machine, machine.transport_failed(now), now)

    def advance(self, now: float) -> list[Output]:
        """Fire every timer that is due. However late it is called, each timer fires at most once."""
        outputs: list[Output] = []
        for key in self._timers.due(now):
            machine = self._get(key)
            outputs.extend(self._settle(machine, machine.advance(now), now))
        return outputs

    def next_deadline(self) -> float | None:
        """When to call `advance`, None if no timer runs."""
        return self._timers.next_deadline()

    # Crossing a restart.

    def export(self, key: str, now: float) -> PlainTransaction:
        """A transaction as plain data, deadlines as time left. Raises UnknownTransaction."""
        return self._get(key).to_plain(now)

    def restore(self, plain: PlainTransaction, flow: object, now: float) -> str:
        """Continue an exported transaction. It was admitted once, so that the limit is not asked again.

        Raises UnreadableSnapshot or DuplicateTransaction.
        """
        machine = _revived(plain, flow, now, self.timings)
        if isinstance(machine, InviteServer | NonInviteServer):
            self._adopt(machine)
        elif machine.key in self._clients:
            raise DuplicateTransaction(machine.key)
        else:
            self._clients[machine.key] = machine
        self._settle(machine, [], now)
        return machine.key

    def restore_invite_server(
        self, request: Request, flow: object, now: float, reliable: bool, last_response: bytes | None
    ) -> str:
        """Rebuild the transaction of an INVITE that was being served, with the provisional response sent last, if any.

        The limit is not asked again. Raises DuplicateTransaction.
        """
        key = server_key(request)
        state = InviteServerState.TRYING if last_response is None else InviteServerState.PROCEEDING
        machine = InviteServer(key, flow, reliable, self.timings, state)
        machine.payload = last_response or b""
        machine.stem = rfc2543_stem(request)
        machine.merged = merged_id(request)
        self._adopt(machine)
        return key

    # Inside.

    def _receive_response(self, response: Response, now: float) -> list[Output]:
        key = client_key(response)
        machine = self._clients.get(key) if key is not None else None
        if machine is None:  # never forwarded: RFC 6026 §7.3
            return [Ignored("a response that belongs to no transaction", response)]
        return self._settle(machine, machine.receive(response, now), now)

    def _receive_ack(self, ack: Request, key: str, flow: object, now: float) -> list[Output]:
        machine = self._servers.get(self._acks.get(key, ""))
        if machine is not None:
            return self._settle(machine, machine.receive(ack, flow, now), now)
        if is_ack_of_refusal(ack):
            return [Ignored("the ACK of a response sent without a transaction", ack)]
        return [AckArrived(ack, flow, None)]

    def _admit(self, request: Request, key: str, flow: object, reliable: bool) -> list[Output]:
        merged = merged_id(request)
        if merged is not None and merged in self._merged:
            return [refuse_merged(request, flow)]
        if len(self) >= self.max_transactions and not self._cancels_call(request):
            return [refuse_overload(request, flow)]
        machine: Server
        if request.method == "INVITE":
            machine = InviteServer(key, flow, reliable, self.timings)
            machine.stem = rfc2543_stem(request)
        else:
            machine = NonInviteServer(key, flow, reliable, self.timings)
        machine.merged = merged
        self._adopt(machine)
        return [RequestArrived(key, request, flow)]

    # A CANCEL passes the limit when there is something to cancel: refusing it would keep a call ringing that nobody
    # wants, and it is how a full table empties. There is at most one for each INVITE.

    def _cancels_call(self, request: Request) -> bool:
        return request.method == "CANCEL" and self.find_invite(request) is not None

    def _cancels_request(self, request: Request) -> bool:
        return request.method == "CANCEL" and client_key(request, "INVITE") in self._clients

    def _answered(self, machine: Server, response: Response) -> None:
        if response.status >= 300:
            # The same request may now be tried again by another path: a search for the callee, not a copy.
            self._stop_merging(machine)
        if isinstance(machine, InviteServer) and machine.stem is not None:
            machine.ack = ack_key(machine.stem, response.to_tag)
            self._acks[machine.ack] = machine.key

    def _adopt(self, machine: Server) -> None:
        if machine.key in self._servers:
            raise DuplicateTransaction(machine.key)
        self._servers[machine.key] = machine
        if machine.merged is not None:
            self._merged.add(machine.merged)
        if isinstance(machine, InviteServer) and machine.ack is not None:
            self._acks[machine.ack] = machine.key

    def _settle(self, machine: Server | Client, outputs: list[Output], now: float) -> list[Output]:
        """After each input: fire the timers of zero seconds, then arm the next one or clear away."""
        deadline = machine.next_deadline()
        if deadline is not None and deadline <= now:
            outputs.extend(machine.advance(now))
            deadline = machine.next_deadline()
        if deadline is not None:  # one that is over has none
            self._timers.arm(machine.key, deadline)
        elif machine.terminated:
            self._remove(machine)
        else:
            self._timers.disarm(machine.key)
        return outputs

    def _find(self, key: str) -> Server | Client | None:
        return self._servers.get(key) or self._clients.get(key)

    def _get(self, key: str) -> Server | Client:
        machine = self._find(key)
        if machine is None:
            raise UnknownTransaction(key)
        return machine

    def _remove(self, machine: Server | Client) -> None:
        self._timers.disarm(machine.key)
        if not isinstance(machine, InviteServer | NonInviteServer):
            del self._clients[machine.key]
            return
        del self._servers[machine.key]
        self._stop_merging(machine)
        if isinstance(machine, InviteServer) and machine.ack is not None:
            del self._acks[machine.ack]

    def _stop_merging(self, machine: Server) -> None:
        if machine.merged is not None:
            self._merged.discard(machine.merged)
            machine.merged = None


_KINDS: Final[dict[str, type[InviteServer | NonInviteServer | InviteClient | NonInviteClient]]] = {
    kind.kind: kind for kind in (InviteServer, NonInviteServer, InviteClient, NonInviteClient)
}


def _revived(plain: PlainTransaction, flow: object, now: float, timings: Timings) -> Server | Client:
    try:
        return _KINDS[plain["kind"]].from_plain(plain, now, flow=flow, timings=timings)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableSnapshot(f"not a transaction: {error!r}") from error
