"""The loop that joins transports and core: feed one message, let the core do what follows, re-arm one timer.

The only SIP file with an event loop besides the transports. It parses, because a message that cannot be parsed has no
place in the core, and it keeps the time, because nothing below it may.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from strowger.base.text import printable
from strowger.sip.amplification import is_bounded
from strowger.sip.edge import Edge
from strowger.sip.flow import Flow
from strowger.sip.message.errors import ParseError
from strowger.sip.message.limits import DEFAULT_LIMITS, MessageLimits
from strowger.sip.message.message import parse_message
from strowger.sip.network import Unreachable
from strowger.sip.stun import binding_answer, is_stun
from strowger.sip.throttle import Throttle
from strowger.sip.transaction.timers import earliest
from strowger.sip.transport.errors import NoListener
from strowger.sip.transport.numeric import numeric
from strowger.sip.transport.transports import Transports

LONGEST_SLEEP_S: Final = 1.0
"""The timer is looked at this often even when nobody seems to need it."""
GARBLED_LOGGED_PER_S: Final = 10
"""Malformed messages written to the log in one second; the rest are counted only."""
REFUSED_LOGGED_PER_S: Final = 10
"""The same of sources that reached a limit."""
LOOK_EVERY_S: Final = 0.1
"""Overload is judged this often at the most."""

_RESPONSE: Final = b"SIP/"

_log = structlog.get_logger("strowger.sip")


class Timed(Protocol):
    """Something with deadlines on the monotonic clock."""

    def next_deadline(self) -> float | None: ...
    def advance(self, now: float) -> None: ...


class Driver:
    """Feeds the edge and runs the timers of everything that has some."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        monotonic: Callable[[], float],
        *,
        message_limits: MessageLimits = DEFAULT_LIMITS,
        throttle: Throttle | None = None,
        backlog_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """`backlog_s` tells for how long there have always been more datagrams to read."""
        self._message_limits = message_limits
        self._throttle = throttle
        self._backlog_s = backlog_s
        self._late_s = 0.0
        """The worst lateness of the timer since the last look at overload."""
        self._look_at = 0.0
        if throttle is not None:
            throttle.told = self._refused
        self._loop = loop
        self._now = monotonic
        self._edge: Edge
        self._send: Callable[[Flow, bytes, str], None]
        self._timed: tuple[Timed, ...] = ()
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for = 0.0
        self._is_stale = False
        self._is_open = False
        self._garbled_lines = _LinesPerSecond(GARBLED_LOGGED_PER_S)
        self._refused_lines = _LinesPerSecond(REFUSED_LOGGED_PER_S)
        self.counters: Counter[str] = Counter()

    def attach(self, edge: Edge, send: Callable[[Flow, bytes, str], None], *timed: Timed) -> None:
        """Join the core; done once, before the first message."""
        self._edge = edge
        self._send = send
        self._timed = timed

    def open(self) -> None:
        """Let messages in: every call of before a restart is known again, so none is taken for a new one."""
        self._is_open = True
        self.touch()

    def receive(self, data: bytes, flow: Flow) -> None:
        """One datagram or one framed message."""
        if not self._is_open:
            self.counters["too early"] += 1
            return
        if self._throttle is not None and not flow.reliable and not self._throttle.lets_in(data, flow, self._now()):
            return
        if not flow.reliable and is_stun(data):
            self._keep_alive(data, flow)
            return
        try:
            message = parse_message(data, datagram=not flow.is_stream, limits=self._message_limits)
        except ParseError as error:
            self._garbled(error.reason, flow)
            reply = self._edge.reply_to_unparsed(error, flow)
            if reply is not None and is_bounded(reply[1], len(data), flow):
                self._send(*reply, "")
        else:
            self._edge.receive(message, flow)
        self.touch()

    def _keep_alive(self, datagram: bytes, flow: Flow) -> None:
        answer = binding_answer(datagram, flow.host, flow.port)
        if answer is not None:
            self.counters["kept alive"] += 1
            self._send(flow, answer, "")

    def unframeable(self, flow: Flow, error: ParseError) -> bytes | None:
        """A stream whose next message cannot be told from the rest: what to say before it is closed."""
        self._garbled(error.reason, flow)
        reply = self._edge.reply_to_unparsed(error, flow)
        return reply[1] if reply is not None else None

    def failed(self, key: str, reason: str) -> None:
        """Something that was sent under a transaction's key could not be delivered."""
        self.counters["undeliverable"] += 1
        _log.debug("undeliverable", reason=printable(reason, 200))  # the transports log it, at a bounded rate
        self._edge.transport_failed(key)
        self.touch()

    def lost(self, flow: Flow) -> None:
        """A connection has ended."""
        self._edge.flow_lost(flow)
        self.touch()

    def ignored(self, reason: str, summary: str) -> None:
        """A message the core did nothing with."""
        self.counters["ignored"] += 1
        _log.debug("ignored", reason=printable(reason, 200), message=printable(summary, 100))

    def asked(self, host: str) -> None:
        """A request of ours has left for that address: what comes from there is no flood."""
        if self._throttle is not None:
            self._throttle.asked(host, self._now())

    def pace(self, flow: Flow, messages: int) -> float:
        """Seconds for which a connection that brought so many messages is not to be read."""
        return self._throttle.pace(flow, messages, self._now()) if self._throttle is not None else 0.0

    def touch(self) -> None:
        """Something happened: look at the deadlines once this turn of the loop is done."""
        if not self._is_stale:
            self._is_stale = True
            self._loop.call_soon(self._rearm)

    def stop(self) -> None:
        """Run no more timers."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _rearm(self) -> None:
        self._is_stale = False
        now = self._now()
        wanted = earliest(self._timed)
        if wanted is None or wanted > now + LONGEST_SLEEP_S:
            wanted = now + LONGEST_SLEEP_S
        if self._handle is not None and now < self._armed_for <= wanted:
            return
        if self._handle is not None:
            self._handle.cancel()
            if now > self._armed_for:  # messages came first: it is as late as if it had fired
                self._look(now)
        self._armed_for = max(now, wanted)
        self._handle = self._loop.call_later(max(0.0, wanted - now), self._advance)

    def _advance(self) -> None:
        self._handle = None
        now = self._now()
        self._look(now)
        try:
            for part in self._timed:
                part.advance(now)
        finally:  # what fails is reported by the loop; the other timers must still run
            self._rearm()

    def _look(self, now: float) -> None:
        """How late the timer is tells how long everybody waits."""
        self._late_s = max(self._late_s, now - self._armed_for)
        if self._throttle is None or now < self._look_at:
            return
        overload = self._throttle.overload
        before = overload.reason
        overload.look(now, max(self._late_s, self._backlog_s()))
        self._look_at, self._late_s = now + LOOK_EVERY_S, 0.0
        if overload.reason and not before:
            _log.warning("overload: new calls and registrations get 503", why=overload.sentence)
        elif before and not overload.reason:
            _log.warning("the overload is over", was=before)

    def _refused(self, reason: str, source: str) -> None:
        if self._refused_lines.has_room(self._now()):
            _log.warning("a source is refused", limit=f"limits.{reason}", source=source)

    def _garbled(self, reason: str, flow: Flow) -> None:
        self.counters["garbled"] += 1
        if self._garbled_lines.has_room(self._now()):
            _log.info("not a SIP message", reason=printable(reason, 200), source=f"{flow.host}:{flow.port}")


class _LinesPerSecond:
    """How many lines of one kind there are in a second."""

    __slots__ = ("_limit", "_number", "_second")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._second = 0
        self._number = 0

    def has_room(self, now: float) -> bool:
        """Whether one more line is written in this second."""
        if int(now) != self._second:
            self._second, self._number = int(now), 0
        self._number += 1
        return self._number <= self._limit


class Sockets:
    """The transports as the edge sees them."""

    def __init__(
        self, transports: Transports, touch: Callable[[], None], asked: Callable[[str], None] = lambda host: None
    ) -> None:
        """`touch` is told of every message sent, because it may have armed a timer; `asked` hears which numeric address
        a request left for.
        """
        self._transports = transports
        self._touch = touch
        self._asked = asked
        self.sent_by = transports.sent_by
        self.has = transports.has

    def send(self, flow: Flow, payload: bytes, key: str) -> None:
        """Send; a failure is told later under the key."""
        self._transports.send(flow, payload, key)
        if not payload.startswith(_RESPONSE) and numeric(flow.host) is not None:
            self._asked(flow.host)
        self._touch()

    def flow_to(self, transport: str, host: str, port: int) -> Flow:
        """A way to a peer. Raises Unreachable when no listener of ours speaks that transport and address family."""
        try:
            return self._transports.flow_to(transport, host, port)
        except NoListener as error:
            raise Unreachable(str(error)) from error

    def flow_back(self, transport: str, host: str, port: int, listener: int) -> Flow:
        """The way back through the listener a peer once used, or another that reaches it. Raises Unreachable."""
        try:
            is_same = self._transports.local(listener)[0] == transport
        except IndexError:  # fewer listeners than before the restart
            is_same = False
        return Flow(transport, host, port, listener, 0) if is_same else self.flow_to(transport, host, port)
