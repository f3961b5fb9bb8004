"""A scripted call: who calls whom through which server, what is expected of it, and how it went."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from strowger.base.clock import SystemClock
from strowger.base.tasks import spawn
from strowger.base.text import printable
from strowger.calls.directory import escape_user
from strowger.cli.admin import Admin
from strowger.cli.errors import Failed
from strowger.cli.narration import Narrator, short_id
from strowger.cli.simulate.ladder import Arrow
from strowger.cli.simulate.recording import Recording
from strowger.console.views import WATCHING, CallView, PartyView
from strowger.phones.address import Peer, host_port, parse_address, peer_of
from strowger.phones.behaviours import Behaviour
from strowger.phones.errors import WaitedTooLong
from strowger.phones.outgoing import WAITING, CallState, OutgoingCall
from strowger.phones.phone import Phone

ENDING_S: Final = 2.0
"""Seconds for the last messages, once it is clear how the call went."""


@dataclass(frozen=True, slots=True)
class Callee:
    """A phone that stands in for a user's."""

    name: str
    uris: tuple[str, ...]
    """Where the user is rung; the phone listens there."""
    behaviour: Behaviour


@dataclass(frozen=True, slots=True)
class Scenario:
    """One call, and what is expected of it."""

    caller: str
    """A number or a user name."""
    dialled: str
    server: str
    """`udp:host:port`"""
    timeout_s: float = 5.0
    """How long to wait for what is expected."""
    hangs_up_after_s: float | None = None
    """Seconds from the INVITE until the caller gives up or hangs up."""
    callees: tuple[Callee, ...] = ()
    redirect: str | None = None
    """The raw id of whom the application should redirect the call to."""
    answer: bool = False
    """Whether somebody should answer."""
    dialled_ids: frozenset[str] = frozenset()
    """The raw ids that `dialled` may come to; empty when that is not known here."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a scenario went."""

    reasons: tuple[str, ...]
    """Why it is not as expected; empty when it is."""
    status: int | None
    """What the caller got, None when it got no final response in time."""
    call: CallView | None
    """What the server told of the call, None when it did not."""
    lanes: Sequence[str]
    arrows: Sequence[Arrow]


async def play(scenario: Scenario, admin: Admin | None, names: Mapping[str, str]) -> Outcome:
    """Make the call and see what becomes of it. `names` has the users' names by raw id, in lower case.

    Without `admin` only what the caller sees can be judged. Raises Failed, PhoneError.
    """
    narrator = Narrator(names)
    recording = Recording(
        scenario.caller,
        lambda call: is_ours(call, scenario),
        narrator,
        now=asyncio.get_running_loop().time,
        wall=SystemClock().wall,
    )
    async with AsyncExitStack() as stack:
        if admin is not None:
            await stack.enter_async_context(_watching(admin, recording))
        for callee in scenario.callees:
            for uri in callee.uris:
                await _stand_in(stack, recording, callee, uri)
        caller = await _caller(stack, recording, scenario)
        call = caller.call(target_uri(scenario.dialled, scenario.server), proxy=scenario.server)
        seen = _Seen(scenario, call, recording, narrator)
        await seen.until_settled()
        status, reasons = seen.status, seen.reasons()
        await seen.end()
    lanes = recording.lanes({callee.name: callee for callee in scenario.callees})
    return Outcome(tuple(reasons), status, recording.call, lanes, recording.arrows)


class _Seen:
    """One call under way, and what it still owes to the scenario."""

    def __init__(self, scenario: Scenario, call: OutgoingCall, recording: Recording, narrator: Narrator) -> None:
        self._scenario = scenario
        self._call = call
        self._recording = recording
        self._narrator = narrator
        self._changed = asyncio.Event()
        self._hanging_up: asyncio.Task[None] | None = None
        recording.changed = self._changed.set

    @property
    def status(self) -> int | None:
        """Of the final response the caller got."""
        return next((response.status for response in self._call.responses if response.status >= 200), None)

    async def until_settled(self) -> None:
        """Wait until everything expected has happened or cannot happen any more, or the time is over."""
        scenario = self._scenario
        hang_up = None
        if scenario.hangs_up_after_s is not None:
            hang_up = asyncio.get_running_loop().call_later(scenario.hangs_up_after_s, self._hung_up)
        follower = spawn(self._follow(), "follow call")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(scenario.timeout_s):
                while not self._is_settled():
                    await self._changed.wait()
                    self._changed.clear()
        follower.cancel()
        if hang_up is not None:
            hang_up.cancel()

    async def _follow(self) -> None:
        """Notice what is no message: that nobody answers at all, and that the call is over."""
        with contextlib.suppress(WaitedTooLong):
            await self._call.final(self._scenario.timeout_s)
            self._changed.set()
        await self._call.ended.wait()
        self._changed.set()

    def _is_settled(self) -> bool:
        scenario, state, told = self._scenario, self._call.state, self._recording.call
        if scenario.hangs_up_after_s is not None and not self._call.ended.is_set():
            return False
        if scenario.redirect is not None and not self._redirected() and not self._is_over():
            return False
        if state in WAITING:
            return scenario.redirect is not None and not scenario.answer
        return told is None or self._is_over()  # the reason comes after the response, by another way

    def _redirected(self) -> bool:
        call, wanted = self._recording.call, self._scenario.redirect
        return call is not None and any(hop.to.raw_id.lower() == (wanted or "").lower() for hop in call.hops[1:])

    def _is_over(self) -> bool:
        return self._recording.call is not None and self._recording.call.ended_at is not None

    def reasons(self) -> list[str]:
        """What is not as expected."""
        found = []
        if self._scenario.redirect is not None and not self._redirected():
            found.append(self._not_redirected(self._scenario.redirect))
        if self._scenario.answer and (self.status is None or self.status >= 300):
            found.append(f"nobody answered: {self._heard()}")
        if self._is_plain() and self.status is not None and self.status >= 300:
            found.append(self._heard())
        if not self._call.responses:
            found.append(f"nothing answers SIP at {self._scenario.server}; the server may not be running there")
        return found

    def _is_plain(self) -> bool:
        """Nothing in particular was asked for: then the call is expected not to be refused."""
        scenario = self._scenario
        return scenario.redirect is None and not scenario.answer and scenario.hangs_up_after_s is None

    def _not_redirected(self, wanted: str) -> str:
        told = f"the call was not redirected to {self._narrator.name(PartyView('', wanted))}"
        call = self._recording.call
        if call is None:
            return f"{told}: the server told of no such call, and {self._heard()}"
        elsewhere = ", then to ".join(self._narrator.name(hop.to) for hop in call.hops[1:])
        if elsewhere:
            return f"{told} but to {elsewhere}"
        if call.ended_at is not None:
            return f"{told}: it ended with {call.final_status}, {printable(call.why)}"
        seconds = f"{self._scenario.timeout_s:g} s"
        return f"{told} within {seconds}: it is still {call.state} (strowger call why {short_id(call)})"

    def _heard(self) -> str:
        if self.status is not None:
            final = next(response for response in self._call.responses if response.status == self.status)
            why = f": {printable(self._recording.call.why)}" if self._recording.call is not None else ""
            return f"the caller got {final.status} {printable(final.reason)}{why}"
        heard = self._call.responses
        last = f"{heard[-1].status} {printable(heard[-1].reason)}" if heard else "nothing"
        return f"after {self._scenario.timeout_s:g} s the caller has heard {last}"

    async def end(self) -> None:
        """Leave nothing ringing or talking behind. Where nobody has answered anything there is nothing to leave."""
        if not self._call.responses:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDING_S):
                await self._hung_up()
                await self._call.ended.wait()
                while self._recording.call is not None and not self._is_over():
                    self._changed.clear()
                    await self._changed.wait()

    def _hung_up(self) -> asyncio.Task[None]:
        """The one time that the caller gives up or hangs up."""
        if self._hanging_up is None:
            self._hanging_up = spawn(self._hang_up(), "caller hangs up")
        return self._hanging_up

    async def _hang_up(self) -> None:
        if self._call.state in WAITING:
            self._call.cancel()
        elif self._call.state is CallState.ANSWERED:
            await self._call.hang_up()
        self._changed.set()


async def _caller(stack: AsyncExitStack, recording: Recording, scenario: Scenario) -> Phone:
    server = parse_address(scenario.server, port_required=True)
    address = f"{server.transport.lower()}:{host_port(own_address(server), 0)}"
    phone = await _open(scenario.caller, address, scenario.caller, None, recording)
    stack.push_async_callback(phone.close)
    return phone


async def _stand_in(stack: AsyncExitStack, recording: Recording, callee: Callee, uri: str) -> None:
    peer = peer_of(uri)
    phone = await _open(callee.name, str(peer), callee.name, callee.behaviour, recording)
    stack.push_async_callback(phone.close)


async def _open(lane: str, address: str, user: str, behaviour: Behaviour | None, recording: Recording) -> Phone:
    try:
        phone = await Phone.open(address, user=user, behaviour=behaviour, trace=recording.trace(lane))
    except OSError as error:
        reason = error.strerror or str(error)
        raise Failed(f"A phone for {printable(lane)} cannot listen on {address}: {reason}.") from error
    recording.phones[phone.address] = lane
    return phone


@asynccontextmanager
async def _watching(admin: Admin, recording: Recording) -> AsyncIterator[None]:
    """While inside, the recording is told of every change. Raises Failed when the server tells nothing."""
    begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    task = spawn(_watch(admin, recording, begun), "watch calls")
    try:
        await begun
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _watch(admin: Admin, recording: Recording, begun: asyncio.Future[None]) -> None:
    try:
        async with admin, aclosing(admin.watch()) as changes:
            async for change in changes:
                if change.what == WATCHING:
                    begun.set_result(None)
                recording.tell(change)
    except Failed as error:  # later than at the beginning it shows in what is missing
        if not begun.done():
            begun.set_exception(error)


def own_address(peer: Peer) -> str:
    """Our address towards `peer`, which can reach us there. Raises Failed."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(peer.host, peer.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)  # sends nothing
            return str(probe.getsockname()[0])
    except OSError as error:
        raise Failed(f"There is no way to {printable(peer.host)}: {error.strerror or error}.") from error


def target_uri(dialled: str, server: str) -> str:
    """What is called: a number or a name at the server."""
    peer = parse_address(server, port_required=True)
    return f"sip:{escape_user(dialled)}@{host_port(peer.host, peer.port)}"


def is_ours(call: CallView, scenario: Scenario) -> bool:
    """Whether this new call is the one that the scenario made: told by who calls whom, as nothing else is sure to come
    through unchanged.
    """
    if is_number(scenario.caller) and call.from_.raw_id != f"4:{scenario.caller}":
        return False
    return not scenario.dialled_ids or call.hops[0].to.raw_id.lower() in scenario.dialled_ids


def is_number(text: str) -> bool:
    """Whether somebody is named by a telephone number."""
    digits = text.removeprefix("+")
    return digits.isascii() and digits.isdigit()
