"""The location service: the bindings of every address of record, in memory and in a store (RFC 3261 §10).

What is in memory is what the next REGISTER is judged by and what is rung; the 200 waits for the store. When the store
fails, memory goes back to what is stored, so that nobody is rung where he was told he is not registered.

The number of addresses is that of the configured users, and each has a bounded number of contacts.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from strowger.calls.bindings import BindingStore, StoredBindings
from strowger.calls.errors import CallError
from strowger.sip.flow import Flow
from strowger.sip.message.message import Request
from strowger.sip.message.uri import SipUri
from strowger.sip.registrar.binding import Binding, decode_bindings, encode_bindings
from strowger.sip.registrar.errors import BindingUnreadable
from strowger.sip.registrar.limits import Limits
from strowger.sip.registrar.registrar import Outcome, live, next_expiry, register
from strowger.sip.registrar.targets import Target, targets
from strowger.sip.transaction.timers import TimerHeap

STORE_RETRY_AFTER_S: Final = 5
"""Seconds a phone is asked to wait when its registration could not be stored."""

FLOWS_REMEMBERED: Final = 20_000
"""Connections that phones had before the one they have now; the one left first is forgotten first."""

_Left: TypeAlias = tuple[int, str | None, str, int | None]
"""A connection, and user, host and port of a contact that was bound there."""

Answer = Callable[[Outcome], None]


class _Pending:
    """Changes of one address that are on their way to the store."""

    __slots__ = ("count", "durable")

    def __init__(self, durable: tuple[Binding, ...]) -> None:
        self.count = 0
        self.durable = durable


class LocationService:
    """Who is where. Times are wall clock, seconds."""

    def __init__(self, store: BindingStore, limits: Limits | None = None) -> None:
        self._store = store
        self._limits = limits or Limits()
        self._bound: dict[str, tuple[Binding, ...]] = {}
        self._pending: dict[str, _Pending] = {}
        self._expiries = TimerHeap()
        self._aors_by_connection: dict[int, set[str]] = {}
        self._left: OrderedDict[_Left, str] = OrderedDict()
        """Whose it was."""

    def __len__(self) -> int:
        """Addresses of record with at least one binding."""
        return len(self._bound)

    def restore(self, now: float) -> list[str]:
        """Take up what the store has. Returns the addresses whose bindings cannot be read; those phones are lost until
        they register again.
        """
        unreadable = []
        for stored in self._store.load(now):
            try:
                self._replace(stored.aor, live(decode_bindings(stored.encoded), now))
            except BindingUnreadable:
                unreadable.append(stored.aor)
        return unreadable

    def register(self, aor: str, request: Request, flow: Flow, now: float, answer: Answer) -> None:
        """Carry out a REGISTER of an authorised sender; `answer` gets the outcome when it is durable.

        What changes nothing is answered before this returns.
        """
        before = self._bound.get(aor, ())
        outcome = register(before, request, flow, now, self._limits)
        if not outcome.is_changed:
            answer(outcome)
            return
        pending = self._pending.setdefault(aor, _Pending(before))
        pending.count += 1
        self._replace(aor, outcome.bindings)
        self._store.save(_stored(aor, outcome.bindings), lambda error: self._settled(aor, outcome, answer, error))

    def forget(self, aor: str) -> None:
        """Drop every binding of an address at once: whoever made them may not any more."""
        if aor in self._pending:
            self._pending[aor].durable = ()
        if aor in self._bound:
            self._replace(aor, ())
            self._store.save(_stored(aor, ()), _nobody)

    def bindings(self, aor: str, now: float) -> tuple[Binding, ...]:
        """What is bound to an address now."""
        return live(self._bound.get(aor, ()), now)

    def targets(self, aor: str, now: float) -> tuple[Target, ...]:
        """Whom to ring for an address, the preferred ones first."""
        return targets(self._bound.get(aor, ()), now)

    def all(self, now: float) -> Iterable[tuple[str, tuple[Binding, ...]]]:
        """Every address and its bindings, for people to look at."""
        for aor, bindings in self._bound.items():
            if found := live(bindings, now):
                yield aor, found

    def flow_failed(self, flow: Flow, now: float) -> list[str]:
        """A connection is gone: forget what could only be reached by it (RFC 5626 §7). Returns the addresses."""
        if not flow.connection:
            return []
        changed = []
        for aor in sorted(self._aors_by_connection.get(flow.connection, ())):
            before = self._bound[aor]
            after = tuple(each for each in live(before, now) if not _needs(each, flow))
            if after != before:
                self._replace(aor, after)
                self._store.save(_stored(aor, after), _nobody)
                changed.append(aor)
        return changed

    def flow_since(self, flow: Flow, uri: SipUri, now: float) -> Flow | None:
        """The way to a phone that once came by `flow` and has registered by another since; `uri` is its contact, whose
        parameters may differ. None where that is not known.
        """
        aor = self._left.get(_left(flow, uri))
        found = self._bound.get(aor, ()) if aor is not None else ()
        return next((each.flow for each in live(found, now) if _left(flow, each.uri) == _left(flow, uri)), None)

    def next_deadline(self) -> float | None:
        """When a binding expires."""
        return self._expiries.next_deadline()

    def advance(self, now: float) -> list[str]:
        """Forget what has expired, and return the addresses that lost a binding. The store prunes by itself."""
        due = self._expiries.due(now)
        for aor in due:
            self._replace(aor, live(self._bound[aor], now))
        return due

    def _settled(self, aor: str, outcome: Outcome, answer: Answer, error: CallError | None) -> None:
        pending = self._pending[aor]
        pending.count -= 1
        if error is None:
            pending.durable = outcome.bindings
        if not pending.count:
            del self._pending[aor]
            if error is not None:
                self._replace(aor, pending.durable)
        answer(outcome if error is None else _not_stored(pending.durable))

    def _replace(self, aor: str, bindings: tuple[Binding, ...]) -> None:
        for binding in self._bound.get(aor, ()):
            self._leave(binding.flow.connection, aor)
            if binding.flow.connection and binding not in bindings:
                self._remember(_left(binding.flow, binding.uri), aor)
        expiry = next_expiry(bindings)
        if expiry is None:
            self._bound.pop(aor, None)
            self._expiries.disarm(aor)
            return
        self._bound[aor] = bindings
        self._expiries.arm(aor, expiry)
        for binding in bindings:
            if binding.flow.connection:
                self._aors_by_connection.setdefault(binding.flow.connection, set()).add(aor)

    def _remember(self, left: _Left, aor: str) -> None:
        self._left[left] = aor
        if len(self._left) > FLOWS_REMEMBERED:
            self._left.popitem(last=False)

    def _leave(self, connection: int, aor: str) -> None:
        aors = self._aors_by_connection.get(connection)
        if aors is not None:
            aors.discard(aor)
            if not aors:
                del self._aors_by_connection[connection]


def _left(flow: Flow, uri: SipUri) -> _Left:
    return flow.connection, uri.user, uri.host.lower(), uri.port


def _needs(binding: Binding, flow: Flow) -> bool:
    return binding.flow.connection == flow.connection and binding.is_bound_to_flow


def _stored(aor: str, bindings: tuple[Binding, ...]) -> StoredBindings:
    if not bindings:
        return StoredBindings(aor, b"", 0.0)
    return StoredBindings(aor, encode_bindings(bindings), max(binding.expires_at for binding in bindings))


def _not_stored(bindings: tuple[Binding, ...]) -> Outcome:
    """RFC 3261 §10.3 step 7: a commit that fails is answered 500."""
    return Outcome(500, "Registration Not Stored", (("Retry-After", str(STORE_RETRY_AFTER_S)),), bindings)


def _nobody(error: CallError | None) -> None:
    """Nobody waits: a binding that comes back after a restart fails like any other that is gone."""
