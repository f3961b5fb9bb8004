"""The shell of a phone: sockets below, the transaction layer in the middle, the phone above.

Feed what arrives, do what the outputs say in their order, re-arm one timer (RFC 3261 §17, §18). What a request means
and how a call goes on is decided above, by whoever is the `Core`; sockets are left to `endpoint`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol, cast

from strowger.base.ids import Ids
from strowger.phones.address import DEFAULT_PORT, Peer
from strowger.phones.endpoint import Endpoint, Upward
from strowger.phones.trace import Direction, Trace, TraceLine, summary_of
from strowger.sip.message.build import response_to
from strowger.sip.message.check import check_request, check_response
from strowger.sip.message.errors import ParseError, Refusal
from strowger.sip.message.message import Request, Response, parse_message
from strowger.sip.message.via import stamp
from strowger.sip.transaction.errors import UnknownTransaction
from strowger.sip.transaction.key import COOKIE, server_key
from strowger.sip.transaction.layer import TransactionLayer
from strowger.sip.transaction.outputs import (
    AckArrived,
    Ignored,
    Output,
    RequestArrived,
    ResponseArrived,
    Send,
    Terminated,
    TimedOut,
    TransportFailed,
)
from strowger.sip.transaction.timers import Timings


class Core(Protocol):
    """What the agent tells the phone."""

    def request_arrived(self, key: str, request: Request, way: Peer) -> None:
        """A new request; it is answered through `Agent.respond` under its key. `way` is where its responses go."""
        ...

    def ack_arrived(self, ack: Request) -> None:
        """The ACK of a 2xx, or one that belongs to nothing."""
        ...

    def server_ended(self, key: str) -> None:
        """The transaction of a request that arrived is over."""
        ...


class Client(Protocol):
    """Who waits for the responses to a request."""

    def response_arrived(self, response: Response) -> None:
        """Each provisional response, each 2xx to an INVITE, any other final response once."""
        ...

    def no_response(self, status: int) -> None:
        """There will be none: to be taken for a 408 (no answer) or 503 (not sent). RFC 3261 §8.1.3.1"""
        ...


class Agent:
    """Sends and receives for one phone."""

    def __init__(self, name: str, core: Core, *, timings: Timings, ids: Ids, trace: Trace | None = None) -> None:
        self.name = name
        self.timings = timings
        self.ids = ids
        self.retransmissions = 0
        """Requests that arrived once more, ACK excepted."""
        self.garbled = 0
        """Datagrams and streams that were no SIP, and requests that were refused for their form."""
        self.ignored = 0
        """Messages that were absorbed or belonged to nothing."""
        self._core = core
        self._trace = trace
        self._layer = TransactionLayer(timings)
        self._endpoint = Endpoint(Upward(self._received, self._failed, self._unreadable))
        self._loop = asyncio.get_running_loop()
        self._clients: dict[str, Client] = {}
        self._servers: set[str] = set()
        self._outputs: deque[Output] = deque()
        self._performing = False
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def open(self, address: Peer) -> None:
        """Listen. Raises AddressInvalid, or OSError when the system refuses."""
        await self._endpoint.open(address)

    async def close(self) -> None:
        """Stop at once. Peers are not told; whoever waits for a response is. May be called twice."""
        self._closed = True
        self._outputs.clear()
        if self._timer is not None:
            self._timer.cancel()
        await self._endpoint.close()
        clients, self._clients = self._clients, {}
        for client in clients.values():
            client.no_response(503)

    @property
    def local(self) -> Peer:
        """What the phone listens on."""
        return self._endpoint.local

    def __len__(self) -> int:
        """Transactions that have not ended."""
        return len(self._layer)

    # For the phone.

    def via(self, peer: Peer) -> str:
        """A Via with a fresh branch for a request to this peer. RFC 3261 §8.1.1.7, RFC 3581 §3"""
        branch = COOKIE + self.ids.token(12)
        return f"SIP/2.0/{peer.transport} {self._endpoint.sent_by(peer.transport)};rport;branch={branch}"

    def start(self, request: Request, peer: Peer, client: Client) -> str:
        """Open a client transaction and return its key. Raises TransactionLimit."""
        key, outputs = self._layer.request(request, peer, self._loop.time(), peer.reliable)
        self._clients[key] = client
        self._perform(outputs)
        return key

    def transmit(self, request: Request, peer: Peer) -> None:
        """Send a request that has no transaction: the ACK of a 2xx. RFC 3261 §13.2.2.4"""
        self._perform([Send(peer, request.to_bytes(), "")])

    def respond(self, key: str, response: Response) -> bool:
        """Answer a request; False if its transaction is over, so that nothing was sent."""
        try:
            self._perform(self._layer.respond(key, response, self._loop.time()))
        except UnknownTransaction:
            return False
        return True

    def find_invite(self, cancel: Request) -> str | None:
        """The key of the INVITE that a CANCEL is about. RFC 3261 §9.2"""
        return self._layer.find_invite(cancel)

    def forget(self, key: str) -> None:
        """Give up a transaction without a word."""
        self._layer.forget(key)
        self._perform([Terminated(key)])

    def later(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Do something on the clock of the event loop."""
        return self._loop.call_later(seconds, action)

    # From the sockets.

    def _received(self, data: bytes, source: Peer) -> None:
        try:
            message = parse_message(data, datagram=not source.reliable)
            if isinstance(message, Response):
                check_response(message)
        except ParseError as error:
            self._unreadable(source, error)
            return
        self._note("<-", message, source)
        if isinstance(message, Response):
            self._feed(message, source, source)
        else:
            self._take_request(message, source)

    def _take_request(self, request: Request, source: Peer) -> None:
        try:
            check_request(request)
        except Refusal as refusal:
            self._refuse(request, source, refusal.status, refusal.reason, refusal.headers)
            return
        if request.method != "ACK" and server_key(request) in self._servers:
            self.retransmissions += 1
        self._feed(request, _way_back(request, source), source)

    def _feed(self, message: Request | Response, flow: Peer, source: Peer) -> None:
        self._perform(self._layer.receive(message, flow, self._loop.time(), source.reliable))

    def _failed(self, key: str, reason: str) -> None:
        self._perform(self._layer.transport_failed(key, self._loop.time()))

    def _unreadable(self, source: Peer, error: ParseError) -> None:
        if error.status is not None and error.request is not None:
            self._refuse(error.request, source, error.status, error.reason, ())
        else:
            self.garbled += 1

    def _refuse(
        self, request: Request, source: Peer, status: int, reason: str, headers: Iterable[tuple[str, str]]
    ) -> None:
        """Answer a request that cannot be acted upon, without keeping anything about it. RFC 3261 §8.2.7"""
        self.garbled += 1
        if request.method != "ACK" and request.has("Via"):
            response = response_to(request, status, reason, to_tag=self.ids.token(9), headers=headers)
            self._perform([Send(source, response.to_bytes(), "")])

    # Outputs.

    def _perform(self, outputs: list[Output]) -> None:
        """Do everything asked for, in order. What that leads to is done after what is pending."""
        self._outputs.extend(outputs)
        if self._performing or self._closed:
            return
        self._performing = True
        try:
            while self._outputs and not self._closed:
                self._do(self._outputs.popleft())
        finally:
            self._performing = False
            if self._outputs and not self._closed:  # somebody raised; the others must not suffer
                self._loop.call_soon(self._perform, [])
        self._arm()

    def _do(self, output: Output) -> None:
        match output:
            case Send(flow, payload, key):
                peer = cast(Peer, flow)
                if self._trace is not None:
                    self._note("->", parse_message(payload), peer)
                self._endpoint.send(peer, payload, key)
            case RequestArrived(key, request, flow):
                self._servers.add(key)
                self._core.request_arrived(key, request, cast(Peer, flow))
            case AckArrived(request, _, _):
                self._core.ack_arrived(request)
            case ResponseArrived(key, response):
                if key in self._clients:
                    self._clients[key].response_arrived(response)
            case TimedOut(key) | TransportFailed(key):
                if key in self._clients:
                    self._clients[key].no_response(408 if isinstance(output, TimedOut) else 503)
            case Terminated(key):
                self._ended(key)
            case Ignored():
                self.ignored += 1

    def _ended(self, key: str) -> None:
        self._clients.pop(key, None)
        if key in self._servers:
            self._servers.remove(key)
            self._core.server_ended(key)

    def _arm(self) -> None:
        """Wake up no later than the next deadline. Waking too early is harmless and cheaper than moving the timer."""
        deadline = self._layer.next_deadline()
        if deadline is None or self._closed:
            return
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(deadline, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._perform(self._layer.advance(self._loop.time()))

    def _note(self, direction: Direction, message: Request | Response, peer: Peer) -> None:
        if self._trace is None:
            return
        call_id = message.first("Call-ID") or ""
        self._trace(TraceLine(self._loop.time(), self.name, direction, summary_of(message), str(peer), call_id))


def _way_back(request: Request, source: Peer) -> Peer:
    """Write into the Via where the request came from, and say where its response goes. RFC 3261 §18.2, RFC 3581 §4"""
    via = request.top_via
    wants_port = via.rport is not None
    if wants_port or via.host.strip("[]") != source.host:
        request.replace_value("Via", stamp(via.raw, source.host, source.port if wants_port else None))
    sent_by_port = via.port or DEFAULT_PORT
    if source.reliable:
        return Peer(source.transport, source.host, source.port, answer_port=sent_by_port)
    return Peer(source.transport, source.host, source.port if wants_port else sent_by_port)
