"""What a running server tells of itself: calls, readiness and measurements, for the console and for Prometheus.

Reads counters that are kept anyway, when asked; nothing here costs a call anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import structlog

from strowger.base.text import printable
from strowger.calls.call import FINAL_STATES, Call
from strowger.calls.exchange import Exchange
from strowger.calls.outside_refusal import REASONS as ALERTS
from strowger.calls.ports import Store
from strowger.console.metrics import Sample
from strowger.console.queries import OK, RouteQuestion, Watcher
from strowger.console.simulation import SimulationQuestion, SimulationView
from strowger.console.sip_views import RegistrationsView, RouteTestView, TrunksView
from strowger.events.dead_letters import DeadReason
from strowger.events.delivery import EventDelivery
from strowger.simulation import Simulation
from strowger.sip.driver import Driver
from strowger.sip.overload import REASONS as OVERLOADS
from strowger.sip.rate_limits import REASONS as RATES
from strowger.sip.throttle import Throttle
from strowger.sip.transport.transports import Transports
from strowger.sip_inspection import SipInspection

_log = structlog.stdlib.get_logger("strowger.calls")


class Inspection:
    """The server as an operator sees it. Implements `console.queries.Queries`."""

    def __init__(
        self,
        exchange: Exchange,
        store: Store,
        delivery: EventDelivery,
        driver: Driver,
        transports: Transports,
        throttle: Throttle,
        sip: SipInspection,
        simulation: Simulation,
    ) -> None:
        self._exchange = exchange
        self._store = store
        self._delivery = delivery
        self._driver = driver
        self._transports = transports
        self._throttle = throttle
        self._sip = sip
        self._simulation = simulation
        self._watchers: list[Watcher] = []
        self._ended: Counter[str] = Counter()
        self._decided: Counter[str] = Counter()
        self._through: Counter[tuple[str, str, str]] = Counter()
        """Calls that ended, by trunk, direction and state; there are as many trunks as the settings have."""
        self.is_serving = False

    def observe(self, call: Call, what: str) -> None:
        """Count a durable change of a call and pass it on to whoever watches."""
        self._decided[what] += 1
        if call.state in FINAL_STATES:
            self._ended[call.state.value] += 1
            self._count_trunks(call)
        for watcher in tuple(self._watchers):
            watcher(call, what)

    def _count_trunks(self, call: Call) -> None:
        if call.came_by:
            self._through[call.came_by, "in", call.state.value] += 1
        for trunk in call.hop.trunks if call.hops else ():
            self._through[trunk, "out", call.state.value] += 1

    def calls(self, limit: int) -> list[Call]:
        """The newest calls first."""
        return self._store.recent_calls(limit)

    def call(self, call_id: str) -> Call | None:
        """One call by its id, or by a beginning of it that no other call has."""
        found = self._store.find_call(call_id)
        return (self._exchange.live_call(found.call_id) or found) if found is not None else None

    def subscribe(self, watcher: Watcher) -> Callable[[], None]:
        """Tell `watcher` of every change from now on; what is returned ends that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def registrations(self, user: str) -> RegistrationsView | None:
        """The phones of a user, by its name or raw id, or of all; None when there is no such user."""
        return self._sip.registrations(user)

    def trunks(self) -> TrunksView:
        """Every trunk and how it is."""
        return self._sip.trunks()

    def test_route(self, question: RouteQuestion) -> RouteTestView:
        """What a redirect to a target would do now. Raises QueryInvalid."""
        return self._sip.routes.test_route(question)

    def simulate(self, question: SimulationQuestion) -> SimulationView:
        """What would become of a call. Raises BodyInvalid."""
        return self._simulation.simulate(question)

    def readiness(self) -> dict[str, str]:
        """Each part that must work before calls are taken: OK, or why it does not."""
        return {
            "listeners": OK if self.is_serving else "starting or stopping",
            "store": OK if self._store.is_writable() else "the last change could not be written",
            "calls": "draining: no new calls are taken" if self._exchange.is_draining else OK,
            "load": self._throttle.overload.sentence or OK,
        }

    def validate_subscription(self, code: str) -> bool:
        """Take the opening of a validation URL as consent."""
        return self._delivery.validate_manually(code)

    def samples(self) -> Iterator[Sample]:
        """Every measurement, now."""
        yield Sample("strowger_calls_live", "gauge", "Calls held or ringing.", (), len(self._exchange))
        for state, number in sorted(self._ended.items()):
            yield Sample("strowger_calls_ended", "counter", "Calls by how they ended.", (("state", state),), number)
        for (trunk, way, state), number in sorted(self._through.items()):
            of = (("trunk", trunk), ("direction", way), ("state", state))
            yield Sample("strowger_trunk_calls", "counter", "Calls by how they ended, of each trunk.", of, number)
        for what, number in sorted(self._decided.items()):
            yield Sample("strowger_call_inputs", "counter", "What happened to calls.", (("input", what),), number)
        yield from self._outside_samples()
        yield Sample("strowger_events_pending", "gauge", "Events not delivered yet.", (), self._delivery.pending())
        events = self._delivery.counters
        for outcome in ("attempts", "failovers", "delivered", "failed", "expired", "dropped"):
            labels = (("outcome", outcome),)
            yield Sample("strowger_events", "counter", "What became of events.", labels, getattr(events, outcome))
        yield from self._dead_letter_samples()
        yield from self._sip_samples()
        yield from self._sip.samples()
        yield from self._throttle_samples()

    def _sip_samples(self) -> Iterator[Sample]:
        sip = self._transports.counters
        for name in ("datagrams_in", "datagrams_out", "messages_in", "messages_out", "connections_accepted"):
            yield Sample(f"strowger_sip_{name}", "counter", "What passed the SIP sockets.", (), getattr(sip, name))
        yield Sample("strowger_sip_connections_open", "gauge", "TCP connections open.", (), sip.connections_open)
        for trouble, number in sorted(sip.troubles.items()):
            yield Sample("strowger_sip_troubles", "counter", "Trouble by kind.", (("kind", trouble),), number)
        for name, number in sorted(self._driver.counters.items()):
            yield Sample("strowger_sip_messages", "counter", "Messages not acted upon.", (("reason", name),), number)


    def _dead_letter_samples(self) -> Iterator[Sample]:
        letters = self._delivery.dead_letters
        yield Sample("strowger_dead_letters", "gauge", "Events kept that were given up.", (), len(letters))
        yield Sample("strowger_dead_letter_bytes", "gauge", "What they take.", (), letters.octets)
        for reason in DeadReason:
            labels = (("reason", reason.value),)
            yield Sample("strowger_events_given_up", "counter", "Events by why.", labels, letters.buried[reason])
        help_ = "Events that were given up and are not kept: there were too many, or too large ones."
        yield Sample("strowger_dead_letters_lost", "counter", help_, (), letters.lost)

    def _outside_samples(self) -> Iterator[Sample]:
        outside = self._exchange.outside
        for resource, number in outside.running():
            labels = (("resource", resource),)
            help_ = "Calls outside, from the redirect to their end, as far as that is known."
            yield Sample("strowger_outside_calls", "gauge", help_, labels, number)
        for reason in ALERTS:
            help_ = "Calls to the outside that were refused, by the rule that decided it."
            yield Sample("strowger_alerts", "counter", help_, (("reason", reason),), outside.refusals[reason])

    def _throttle_samples(self) -> Iterator[Sample]:
        overload = self._throttle.overload
        for reason in (*RATES, *OVERLOADS):
            number = self._throttle.refused[reason]
            help_ = "What was dropped unread or answered 503, by the limit that decided it."
            yield Sample("strowger_sip_refused", "counter", help_, (("reason", reason),), number)
        for reason in OVERLOADS:
            labels, is_over = (("reason", reason),), float(overload.reason == reason)
            yield Sample("strowger_overload", "gauge", "1 while there is too much of it.", labels, is_over)
        yield Sample("strowger_memory_bytes", "gauge", "Memory of the process.", (), overload.memory_bytes)
        yield Sample("strowger_loop_lag_seconds", "gauge", "How late the event loop is.", (), overload.lag_s)


def log_end(call: Call, what: str) -> None:
    """A watcher that writes one line to the log for each call, when it has ended."""
    if call.state in FINAL_STATES:
        _log.info(
            "call ended",
            call_id=call.call_id,
            state=call.state.value,
            status=call.final_status,
            caller=printable(call.caller.raw_id),
            to=printable(call.hop.to.raw_id),
            redirects=call.redirects,
            seconds=round(call.ended_at - call.created_at, 3),
            why=printable(call.why),
        )
