"""What the console asks of the server: to read, never to change, except that a person may confirm a subscription. What
it may change of them is in `subscriptions`.

Everything is called and calls back in the thread of the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from strowger.calls.call import Call
from strowger.console.simulation import SimulationQuestion, SimulationView
from strowger.console.sip_views import RegistrationsView, RouteTestView, TrunksView

Watcher = Callable[[Call, str], None]
"""Told of every durable change: the call as it is now, and the name of what happened (`calls.machine.Input`). It must
return at once: it stands in the path of the call."""

OK: Final = "ok"
"""What `readiness` says of a part that is ready."""


class RouteQuestion(NamedTuple):
    """Where would a call go? What is empty is not asked for."""

    target: str
    """A number, a raw id, the name of a user of ours, or the id that goes with `kind`."""
    kind: str = ""
    """A kind of communication identifier; guessed from the target when empty."""
    caller: str = ""
    """Who calls, likewise, or `anonymous`."""
    resource: str = ""
    """Whose call is redirected; else whose the target is, or the first."""


class Queries(Protocol):
    """The server, as far as the console sees it."""

    def calls(self, limit: int) -> Sequence[Call]:
        """The newest calls first, at most `limit`. Raises StoreUnavailable."""

    def call(self, call_id: str) -> Call | None:
        """One call by its id, or by a beginning of it that no other call has. Raises StoreUnavailable."""

    def subscribe(self, watcher: Watcher) -> Callable[[], None]:
        """Tell `watcher` of every change from now on; what is returned ends that."""

    def registrations(self, user: str) -> RegistrationsView | None:
        """The phones of a user, by its name or raw id, or of all users; None when there is no such user."""

    def trunks(self) -> TrunksView:
        """Every trunk and how it is."""

    def test_route(self, question: RouteQuestion) -> RouteTestView:
        """What a redirect to a target would do now; nobody is rung. Raises QueryInvalid for what cannot be asked."""

    def simulate(self, question: SimulationQuestion) -> SimulationView:
        """What would become of a call; nobody is rung. Raises BodyInvalid for what cannot be asked."""

    def readiness(self) -> Mapping[str, str]:
        """Each part of the server that must work before calls are taken: OK, or why it does not."""

    def validate_subscription(self, code: str) -> bool:
        """Take the opening of a validation URL as consent; whether the code is one of ours and in time."""
