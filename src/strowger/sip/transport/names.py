"""Host names of destinations: looked up beside the event loop, remembered, bounded.

Address records only (RFC 3263 §4.2 with an explicit port); NAPTR and SRV are not asked for. A dead name server must not
hold up calls that do not need it: at most one thread hangs on a name, an address once found stays in use while the
server is silent, and a name that failed is left alone for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from strowger.base.tasks import spawn
from strowger.base.text import printable
from strowger.sip.transport.errors import Unresolved
from strowger.sip.transport.limits import TransportLimits
from strowger.sip.transport.numeric import numeric, unsendable
from strowger.sip.transport.trouble import Counters

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host name and family (4 or 6) in, numeric addresses out, best first. Raises OSError when there are none."""

_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}


@dataclass(slots=True)
class _Answer:
    """What is known of one name."""

    address: str
    """Empty when nothing was ever found."""
    fresh_until: float
    usable_until: float
    reason: str = ""
    """Why the last look-up failed."""


class Names:
    """The addresses of host names, per family."""

    def __init__(
        self, resolve: Resolver, limits: TransportLimits, ttl_s: float, now: Callable[[], float], counters: Counters
    ) -> None:
        """`ttl_s`: seconds an answer is used without asking again; `now` returns monotonic seconds."""
        self._resolve = resolve
        self._limits = limits
        self._ttl_s = ttl_s
        self._now = now
        self._counters = counters
        self._answers: dict[tuple[str, int], _Answer] = {}
        self._asking: dict[tuple[str, int], asyncio.Task[None]] = {}

    def known(self, host: str, family: int) -> str | None:
        """The address of `host` if it need not be asked for now. Raises Unresolved when asking failed a moment ago."""
        answer = self._answers.get((host, family))
        if answer is None or self._now() >= answer.fresh_until:
            return None
        if not answer.address:
            raise Unresolved(answer.reason)
        return answer.address

    async def look_up(self, host: str, family: int) -> str:
        """The address of `host`, asked for if needed. Raises Unresolved after `resolve_timeout_s` at the latest."""
        name = (host, family)
        if name not in self._asking:
            if len(self._asking) >= self._limits.resolve_pending:
                raise Unresolved(f"{self._limits.resolve_pending} other names are being looked up (resolve_pending)")
            self._asking[name] = task = spawn(self._ask(name), f"look up {printable(host)}")
            task.add_done_callback(lambda _: self._asked(name))
        await asyncio.wait([self._asking[name]], timeout=self._limits.resolve_timeout_s)
        if name in self._asking:
            self._failed(name, f"{printable(host)} got no answer from the name server")
        answer = self._answers.get(name)
        if answer is None or not answer.address:
            raise Unresolved(answer.reason if answer else f"{printable(host)} was forgotten at once (resolve_names)")
        return answer.address

    def stop(self) -> None:
        """Give up every look-up; those waiting for one are told that it failed."""
        for task in self._asking.values():
            task.cancel()

    async def _ask(self, name: tuple[str, int]) -> None:
        self._counters.look_ups += 1
        try:
            found = await self._resolve(*name)
        except OSError as error:
            self._failed(name, f"{printable(name[0])} cannot be resolved: {error.strerror or error}")
        else:
            self._found(name, found)

    def _asked(self, name: tuple[str, int]) -> None:
        """However it ended: a task cancelled before its first step runs none of its own clean-up."""
        del self._asking[name]
        if name not in self._answers:
            self._failed(name, f"the look-up of {printable(name[0])} was given up")

    def _found(self, name: tuple[str, int], found: Sequence[str]) -> None:
        host, family = name
        for text in found:
            address = numeric(text)
            if address is not None and address.family == family and not unsendable(text):
                now = self._now()
                self._remember(name, _Answer(text, now + self._ttl_s, now + self._limits.resolve_stale_s))
                return
        self._failed(name, f"{printable(host)} has no usable IPv{family} address")

    def _failed(self, name: tuple[str, int], reason: str) -> None:
        """Remember the failure for a while; an address found before stays in use as long as it may."""
        now = self._now()
        last = self._answers.get(name)
        retry_at = now + self._limits.resolve_retry_s
        if last is not None and last.address and now < last.usable_until:
            self._remember(name, _Answer(last.address, retry_at, last.usable_until, reason))
        else:
            self._remember(name, _Answer("", retry_at, retry_at, reason))

    def _remember(self, name: tuple[str, int], answer: _Answer) -> None:
        self._answers.pop(name, None)
        while len(self._answers) >= self._limits.resolve_names:
            del self._answers[next(iter(self._answers))]
        self._answers[name] = answer


async def system_resolver(host: str, family: int) -> Sequence[str]:
    """Ask the system, each name in a thread of its own that cannot hold up the end of the program.

    The event loop's shared threads are not used: look-ups that hang would take them from everything else.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[str]] = loop.create_future()
    thread = threading.Thread(target=_ask_system, args=(loop, answer, host, family), daemon=True, name="look up")
    try:
        thread.start()
    except RuntimeError as error:  # how a thread says that the system has no room for it
        raise OSError(f"no thread to ask in: {error}") from error
    return await answer


def _ask_system(loop: asyncio.AbstractEventLoop, answer: asyncio.Future[Sequence[str]], host: str, family: int) -> None:
    found: list[str] = []
    problem: OSError | None = None
    try:
        for row in socket.getaddrinfo(host, None, _FAMILIES[family], socket.SOCK_DGRAM):
            found.append(str(row[4][0]))
    except OSError as error:
        problem = error
    except UnicodeError as error:
        problem = OSError(f"it is no host name ({error.__class__.__name__})")
    with contextlib.suppress(RuntimeError):  # the loop closed meanwhile: the program is ending
        loop.call_soon_threadsafe(_answered, answer, found, problem)


def _answered(answer: asyncio.Future[Sequence[str]], found: Sequence[str], problem: OSError | None) -> None:
    if answer.done():  # nobody waits any longer
        return
    if problem is not None:
        answer.set_exception(problem)
    else:
        answer.set_result(found)
