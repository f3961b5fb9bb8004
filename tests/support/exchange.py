"""An exchange with everything around it faked: a clock that is set by hand, a store that commits when told, ports that
write down what they are asked.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from strowger.calls.call import Call
from strowger.calls.context import ContextSigner
from strowger.calls.decision import Accepted, RedirectCall, RejectCall, RejectReason
from strowger.calls.directory import CreatedUsers, Directory, Number, Presence, User
from strowger.calls.errors import CallError
from strowger.calls.exchange import Exchange
from strowger.calls.fallbacks import Fallbacks
from strowger.calls.groups import Group
from strowger.calls.identifier import Identifier, from_raw_id
from strowger.calls.limits import Limits
from strowger.calls.outside_policy import OutsidePolicy
from strowger.calls.outside_rules import OutsideRules
from strowger.calls.ports import Arrival, Commit, Done, OutboxEntry, Receipt, StoredCall, WaysOut
from strowger.calls.reports import Report
from strowger.sip.transaction.timers import TimerHeap
from strowger.sip.trunk.selection import Selection
from strowger.sip.trunk.trunk import Mode, Route, Trunk
from strowger.sip.trunk.ways_out import TrunkWays

RESOURCE_ID = "1b5cc06b-f352-4571-b1e6-d9b259b7c776"
ALICE = f"8:acs:{RESOURCE_ID}_00000000-0000-0000-0000-000000000001"
BOB = f"8:acs:{RESOURCE_ID}_00000000-0000-0000-0000-000000000002"
NOBODY = f"8:acs:{RESOURCE_ID}_00000000-0000-0000-0000-000000000003"
NUMBER, OTHER_NUMBER, OUTSIDE = "+31201110001", "+31201110002", "+18005550199"
BY_TWO_TRUNKS = "+18885550100"


class HandClock:
    """Both clocks, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.offset = 1_700_000_000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + self.offset


class HandStore:
    """Commits wait until `flush`; what is durable is in `rows`."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[Commit, bytes]] = {}
        self.events: dict[str, OutboxEntry] = {}
        self.receipts: list[Receipt] = []
        self.waiting: list[tuple[Commit, Done]] = []
        self.added: list[Callable[[], None]] = []
        self.failure: CallError | None = None
        self.instant = True

    def commit(self, unit: Commit, done: Done) -> None:
        self.waiting.append((unit, done))

    def flush(self) -> None:
        """Commit everything that waits, and what that brings about."""
        while self.waiting or self.added:
            while self.added:
                self.added.pop(0)()
            if not self.waiting:
                continue
            unit, done = self.waiting.pop(0)
            if self.failure is not None:
                done(self.failure)
                continue
            before = self.rows.get(unit.call_id)
            assert unit.revision == (before[0].revision + 1 if before else 1)
            self.rows[unit.call_id] = (unit, unit.leg or (before[1] if before else b""))
            self.events.pop(unit.withdrawn, None)
            self.events.update((entry.event_id, entry) for entry in unit.events)
            if unit.receipt:
                self.receipts.append(unit.receipt)
            done(None)

    def add_events(self, entries: Sequence[OutboxEntry], done: Done) -> None:
        """Kept at once, and refused like anything else; `done` is told of it by `flush`."""
        if self.failure is None:
            self.events.update((entry.event_id, entry) for entry in entries)
        self.added.append(partial(done, self.failure))

    def live_calls(self) -> list[StoredCall]:
        decode = msgspec.json.Decoder(Call).decode
        return [StoredCall(decode(u.call), u.revision, leg) for u, leg in self.rows.values() if not u.ended_at]

    def stored(self, call_id: str) -> Call:
        return msgspec.json.decode(self.rows[call_id][0].call, type=Call)


class Recorder:
    """Telephony and announcer in one: a list of what was asked, in order."""

    def __init__(self) -> None:
        self.log: list[tuple[object, ...]] = []
        self.contexts: dict[str, str] = {}
        self.subscribed = True
        self.untold: set[str] = set()
        """Raw ids of addressees whose events pass no filter."""
        self.asked: list[Call] = []
        self.reports: list[Report] = []
        """Everything that was to be reported."""
        self.wants_reports = False
        self.reachable = True
        self.rings: Callable[[Call, int], None] = lambda call, hop_index: None
        """What comes of ringing a hop before `ring` has returned."""

    # Telephony
    def proceed(self, call_id: str, *, ringing: bool) -> None:
        self.log.append(("proceed", ringing))

    def ring(self, call: Call, hop_index: int) -> None:
        self.log.append(("ring", hop_index, tuple(branch.uri for branch in call.hops[hop_index].branches)))
        self.rings(call, hop_index)

    def ring_branch(self, call: Call, hop_index: int, branch: int) -> None:
        self.log.append(("ring_branch", hop_index, branch, call.hops[hop_index].branches[branch].uri))

    def stop_ringing(self, call_id: str, hop_index: int, why: str) -> None:
        self.log.append(("stop_ringing", hop_index))

    def finish(
        self, call_id: str, status: int, reason: str, relayed: object | None, contacts: tuple[str, ...] = ()
    ) -> None:
        self.log.append(("finish", status, contacts or relayed))

    def disown(self, call_id: str, hop_index: int, relayed: object) -> None:
        self.log.append(("disown", hop_index, relayed))

    def restore(self, stored: StoredCall) -> bool:
        self.log.append(("restore", stored.call.state.value))
        return self.reachable

    def resume(self, call_id: str) -> None:
        self.log.append(("resume",))

    # Announcer
    def is_told(self, call: Call) -> bool:
        self.asked.append(call)
        return self.subscribed and call.hop.to.raw_id not in self.untold

    def compose(self, call: Call, context: str) -> tuple[OutboxEntry, ...]:
        self.contexts[f"{call.call_id}/{call.hop_index}"] = context
        return (OutboxEntry(call.hop.event_id, f"{call.resource}/app", call.call_id, b"{}", 0.0, call.hop.expires_at),)

    def tells_outcomes(self, resource: str) -> bool:
        return self.wants_reports

    def report(self, reports: Sequence[Report]) -> tuple[OutboxEntry, ...]:
        first = len(self.reports)
        self.reports += reports
        numbered = enumerate(reports, start=first)
        return tuple(self._reported(number, report) for number, report in numbered) if self.wants_reports else ()

    def _reported(self, number: int, report: Report) -> OutboxEntry:
        event_id = f"report-{number}"
        return OutboxEntry(event_id, f"{report.call.resource}/reports", report.call.call_id, b"{}", 0.0, 9e9)

    def publish(self, entries: Iterable[OutboxEntry]) -> None:
        self.log.extend(("publish", entry.event_id) for entry in entries)

    def withdraw(self, event_id: str) -> None:
        self.log.append(("withdraw", event_id))


class Bench:
    """One exchange on the bench."""

    def __init__(
        self,
        limits: Limits | None = None,
        store: HandStore | None = None,
        clock: HandClock | None = None,
        outside: OutsideRules | None = None,
        groups: Iterable[Group] = (),
        presence: Presence | None = None,
        fallbacks: Fallbacks | None = None,
    ) -> None:
        self.clock = clock or HandClock()
        self.store = store or HandStore()
        self.recorder = Recorder()
        self.limits = limits or Limits()
        numbers = itertools.count(len(self.store.rows) * 100)
        self.new_id: Callable[[], str] = lambda: f"id-{next(numbers):04d}"
        self.seen: list[tuple[str, str]] = []
        self.exchange = Exchange(
            directory=directory(presence),
            groups=groups,
            contexts=ContextSigner(b"s" * 32),
            store=self.store,
            announcer=self.recorder,
            clock=self.clock,
            deadlines=TimerHeap(),
            new_id=self.new_id,
            limits=self.limits,
            outside=OutsidePolicy(usual=outside),
            fallbacks=fallbacks,
            observe=lambda call, what: self.seen.append((call.state.value, what)),
        )
        self.exchange.telephony = self.recorder

    def arrive(self, dialled: str = NUMBER, *, flush: bool = True, **changes: object) -> str:
        call_id = self.exchange.arrive(arrival(dialled, **changes))
        if flush:
            self.store.flush()
        return call_id

    def later(self, seconds: float) -> None:
        """Let time pass, deadline by deadline, and commit what it brings about."""
        until = self.clock.now + seconds
        while (deadline := self.exchange.next_deadline()) is not None and deadline <= until:
            self.clock.now = max(self.clock.now, deadline)
            self.exchange.advance(self.clock.now)
            self.store.flush()
        self.clock.now = until

    def redirect(self, context: str, target: Identifier) -> Accepted | CallError:
        """An application's redirect, and its answer."""
        answers: list[Accepted | CallError] = []
        self.exchange.redirect(RedirectCall("dev", context, target), answers.append)
        self.store.flush()
        return answers[0]

    def context(self, call_id: str, hop_index: int = 0) -> str:
        return self.recorder.contexts[f"{call_id}/{hop_index}"]

    def take(self) -> list[tuple[object, ...]]:
        """What was asked of the ports since last time."""
        log, self.recorder.log = self.recorder.log, []
        return log


def arrival(dialled: str = NUMBER, **changes: object) -> Arrival:
    plain = Arrival(dialled, "127.0.0.1", "+31612345678", "sip:+31612345678@127.0.0.9", "", "127.0.0.9", b"leg", {})
    return msgspec.structs.replace(plain, **changes)


def directory(
    presence: Presence | None = None, outside: WaysOut | None = None, created: CreatedUsers | None = None
) -> Directory:
    return Directory(
        created=created,
        presence=presence,
        numbers=[Number("dev", NUMBER), Number("dev", OTHER_NUMBER), Number("other", "+4511223344")],
        users=[
            User("dev", "alice", ALICE, ("sip:alice@127.0.0.1:5071",)),
            User("dev", "bob", BOB, ("sip:bob@127.0.0.1:5072", "sip:bob@127.0.0.2:5072")),
            User("dev", "nobody", NOBODY),
            User("other", "eve", "8:acs:other_1"),
        ],
        outside=outside or ways_out(),
    )


class Serving:
    """The fitness of trunks, set by hand."""

    def __init__(self) -> None:
        self.down: dict[str, str] = {}

    def is_usable(self, trunk: str) -> bool:
        return trunk not in self.down

    def why(self, trunk: str) -> str:
        return self.down.get(trunk, "")

    def held_until(self, trunk: str) -> float | None:
        return None


TRUNKS = [
    Trunk("carrier", "sip:sbc.example;transport=tcp"),
    Trunk("near", "sip:127.0.0.1:5090"),
    Trunk("first", "sip:127.0.0.3:5090", priority=1),
    Trunk("second", "sip:127.0.0.4:5090", priority=2),
    Trunk("back", "sip:127.0.0.5:5090", mode=Mode.REDIRECT),
]
ROUTES = [
    Route("phoneNumber", "+1*", ("carrier",)),
    Route("phoneNumber", "+1800*", ("near",)),
    Route("phoneNumber", "+1888", ("second", "first")),
    Route("microsoftTeamsUser", "*", ("near",)),
]


def ways_out(fitness: Serving | None = None) -> TrunkWays:
    selection = Selection(TRUNKS, ROUTES, fitness or Serving())
    return TrunkWays(selection, draw=lambda: 0.0, monotonic=lambda: 0.0)


def user(raw_id: str):
    return from_raw_id(raw_id)


def redirect(
    bench: Bench,
    context: str,
    target: Identifier,
    *,
    flush: bool = True,
    resource: str = "dev",
    receipt: Receipt | None = None,
) -> list[Accepted | CallError]:
    answers: list[Accepted | CallError] = []
    bench.exchange.redirect(RedirectCall(resource, context, target, receipt), answers.append)
    if flush:
        bench.store.flush()
    return answers


def reject(bench: Bench, context: str, reason: RejectReason = RejectReason.NONE) -> list[Accepted | CallError]:
    answers: list[Accepted | CallError] = []
    bench.exchange.reject(RejectCall("dev", context, reason), answers.append)
    bench.store.flush()
    return answers
