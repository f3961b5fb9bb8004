"""What happened during a simulated call, put together from both sides: the messages that the scripted phones saw, and
what the server tells of the call through its admin API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from strowger.cli.narration import HUNT, OPENS_A_HOP, Narrator
from strowger.cli.simulate.ladder import Arrow
from strowger.console.views import CallView, ChangeView, seconds
from strowger.phones.trace import TraceLine

SERVER: Final = "Strowger"
APPLICATION: Final = "application"
ARROWS_KEPT: Final = 1_000


class Recording:
    """One call as it is seen from here. `now` is the clock of the event loop, `wall` the time of day, in seconds."""

    def __init__(
        self,
        caller: str,
        is_ours: Callable[[CallView], bool],
        narrator: Narrator,
        *,
        now: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.caller = caller
        self.call: CallView | None = None
        """The call as the server told of it last."""
        self.arrows: list[Arrow] = []
        self.phones: dict[str, str] = {}
        """The lane of each phone of ours by its address."""
        self.changed: Callable[[], None] = lambda: None
        self._is_ours = is_ours
        self._narrator = narrator
        self._now = now
        self._began = now()
        self._wall_began = wall()

    def trace(self, lane: str) -> Callable[[TraceLine], None]:
        """What the phone with this lane is to call for each message."""

        def traced(line: TraceLine) -> None:
            peer = self.phones.get(line.peer)
            if line.direction == "->":
                self._draw(line.at - self._began, lane, peer or SERVER, shorten(line.summary))
            elif peer is None:  # what one phone of ours sends another is drawn once
                self._draw(line.at - self._began, SERVER, lane, shorten(line.summary))
            self.changed()

        return traced

    def tell(self, change: ChangeView) -> None:
        """A change of some call, which may be ours."""
        call = change.call
        if call is None or not self._concerns_us(call, change.what):
            return
        self.call = call
        self._draw_change(call, change.what)
        self.changed()

    def _concerns_us(self, call: CallView, what: str) -> bool:
        if self.call is not None:
            return call.id == self.call.id
        return what in OPENS_A_HOP and len(call.hops) == 1 and self._is_ours(call)

    def _draw_change(self, call: CallView, what: str) -> None:
        if what in OPENS_A_HOP:
            self._draw_addressee(call)
        if what == "reject" and call.ended_at:
            self._draw(self._since(call.ended_at), APPLICATION, SERVER, "reject")
        if call.ended_at:
            self._draw(self._since(call.ended_at), SERVER, SERVER, call.why)

    def _draw_addressee(self, call: CallView) -> None:
        hop = call.hops[-1]
        opened = self._since(hop.opened_at)
        if came_about := self._narrator.came_about(hop):
            self._draw(opened, SERVER, SERVER, came_about)
        elif len(call.hops) > 1:
            self._draw(opened, APPLICATION, SERVER, f"redirect to {self._narrator.name(hop.to)}")
        if hop.event_id and hop.opening != HUNT:  # a hunt goes on under the event that announced its group
            self._draw(opened, SERVER, APPLICATION, "IncomingCall")

    def _since(self, at: str) -> float:
        """The server's clock may be another machine's: nothing happened before the beginning or after it was told."""
        return min(max(0.0, seconds(at) - self._wall_began), self._now() - self._began)

    def _draw(self, at: float, source: str, target: str, text: str) -> None:
        if len(self.arrows) < ARROWS_KEPT:
            self.arrows.append(Arrow(at, source, target, text))

    def lanes(self, callees: Mapping[str, object]) -> list[str]:
        """Everybody who may occur in an arrow, from left to right."""
        return [self.caller, SERVER, APPLICATION, *callees]


def shorten(summary: str) -> str:
    """A request by its method, a response whole."""
    return summary if summary[:1].isdigit() else summary.partition(" ")[0]
