"""The admin API as the command line uses it: the client of `console.console`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from strowger.base.text import printable
from strowger.cli.errors import Failed, Misconfigured
from strowger.cli.target import reachable
from strowger.console.dead_letters import PATH as DEAD_LETTERS
from strowger.console.dead_letters import DeadLettersView, LetterGoneView, WholeLetterView
from strowger.console.errors import Detail
from strowger.console.secret_file import ADMIN_TOKEN, read
from strowger.console.simulation import PATH as SIMULATE
from strowger.console.simulation import SimulationView
from strowger.console.sip_views import RegistrationsView, RouteTestView, TrunksView
from strowger.console.subscriptions import PATH as SUBSCRIPTIONS
from strowger.console.subscriptions import RemovedView, SubscriptionsView, SubscriptionView, TestView
from strowger.console.views import CallsView, CallView, ChangeView, WhyView

if TYPE_CHECKING:
    from strowger.settings import Settings

ANSWER_S: Final = 10.0
"""Seconds until an answer must be there; a watch may then go on for ever."""
TEST_ANSWER_S: Final = 60.0
"""The same where the server itself waits for an endpoint, which has half of that."""
LARGEST_LINE: Final = 4 * 1024 * 1024
"""Octets of one line of a watch."""

T = TypeVar("T")


class _Problem(msgspec.Struct):
    message: str
    details: tuple[Detail, ...] = ()


class _Refusal(msgspec.Struct):
    error: _Problem


class Admin:
    """One client; use it as an asynchronous context manager. Every method raises Failed."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._session: aiohttp.ClientSession

    @classmethod
    def of(cls, settings: Settings, token_file: Path | None = None) -> Admin:
        """The client for a server of this machine; its token is in its data directory. Raises Failed, Misconfigured."""
        if not settings.listen.console:
            raise Misconfigured("The server has no console: listen.console is empty.")
        url = f"http://{reachable(*settings.listen.console[0])}"
        return cls(url, token_in(token_file or settings.server.data_dir / ADMIN_TOKEN))

    async def __aenter__(self) -> Admin:
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_S, sock_read=ANSWER_S),
            read_bufsize=LARGEST_LINE,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._session.close()

    async def calls(self, limit: int, state: str = "") -> tuple[CallView, ...]:
        """The newest calls."""
        query = f"?limit={limit}" + (f"&state={quote(state)}" if state else "")
        return (await self._get(f"/admin/calls{query}", CallsView)).calls

    async def call(self, call_id: str) -> CallView:
        """One call by its id or a beginning of it."""
        return await self._get(f"/admin/calls/{quote(call_id, safe='')}", CallView)

    async def why(self, call_id: str) -> WhyView:
        """One call in sentences."""
        return await self._get(f"/admin/calls/{quote(call_id, safe='')}/why", WhyView)

    async def registrations(self, user: str = "") -> RegistrationsView:
        """The phones that are registered; those of one user, by its name or raw id."""
        query = f"?user={quote(user, safe='')}" if user else ""
        return await self._get(f"/admin/registrations{query}", RegistrationsView)

    async def trunks(self) -> TrunksView:
        """Every trunk and how it is."""
        return await self._get("/admin/trunks", TrunksView)

    async def test_route(self, **question: str) -> RouteTestView:
        """What a redirect would do: to `target`, of this `kind`, for a call `from` somebody to this `resource`."""
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in question.items() if value)
        return await self._get(f"/admin/routes:test?{query}", RouteTestView)

    async def simulate(self, document: Mapping[str, object]) -> SimulationView:
        """What would become of a call that nobody makes."""
        return await self._ask("POST", SIMULATE, SimulationView, document)

    async def subscriptions(self) -> SubscriptionsView:
        """Every subscription and how it is."""
        return await self._get(SUBSCRIPTIONS, SubscriptionsView)

    async def subscription(self, name: str) -> SubscriptionView:
        """One of them."""
        return await self._get(_path_of(name), SubscriptionView)

    async def add_subscription(self, document: Mapping[str, object]) -> SubscriptionView:
        """One more."""
        return await self._ask("POST", SUBSCRIPTIONS, SubscriptionView, document)

    async def change_subscription(self, name: str, document: Mapping[str, object]) -> SubscriptionView:
        """Give one other rows; None takes one back to its default."""
        return await self._ask("PATCH", _path_of(name), SubscriptionView, document)

    async def act_on_subscription(self, name: str, verb: str) -> SubscriptionView:
        """Have one do what the `verb` says: pause, resume, validate."""
        return await self._ask("POST", f"{_path_of(name)}/{verb}", SubscriptionView)

    async def test_subscription(self, name: str) -> TestView:
        """Have one sent an event that is made up."""
        return await self._ask("POST", f"{_path_of(name)}/test", TestView, answer_s=TEST_ANSWER_S)

    async def remove_subscription(self, name: str) -> RemovedView:
        """One less."""
        return await self._ask("DELETE", _path_of(name), RemovedView)

    async def dead_letters(self, limit: int, subscription: str = "") -> DeadLettersView:
        """The newest events that were given up; of one subscription by its `resource/name`."""
        query = f"?limit={limit}" + (f"&subscription={quote(subscription, safe='')}" if subscription else "")
        return await self._get(f"{DEAD_LETTERS}{query}", DeadLettersView)

    async def dead_letter(self, letter_id: str) -> WholeLetterView:
        """One of them with its event, by its id or a beginning of it."""
        return await self._get(_letter_path(letter_id), WholeLetterView)

    async def resend_dead_letter(self, letter_id: str, event: Mapping[str, object] | None = None) -> LetterGoneView:
        """Have one sent again, or another event in its place."""
        document = None if event is None else {"event": event}
        return await self._ask("POST", f"{_letter_path(letter_id)}/resend", LetterGoneView, document)

    async def remove_dead_letter(self, letter_id: str) -> LetterGoneView:
        """Have one forgotten."""
        return await self._ask("DELETE", _letter_path(letter_id), LetterGoneView)

    async def watch(self) -> AsyncGenerator[ChangeView, None]:
        """Every change from now on; the first one says only that the watch has begun."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_S)
        try:
            async with self._session.get(f"{self.url}/admin/calls:watch", timeout=timeout) as response:
                if response.status != 200:
                    raise Failed(self._refused(response.status, await response.read()))
                async for line in response.content:
                    yield self._decoded(line, ChangeView)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unreachable(error) from error

    async def _get(self, path: str, shape: type[T]) -> T:
        return await self._ask("GET", path, shape)

    async def _ask(
        self,
        method: str,
        path: str,
        shape: type[T],
        document: Mapping[str, object] | None = None,
        *,
        answer_s: float = ANSWER_S,
    ) -> T:
        body = None if document is None else msgspec.json.encode(document)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=ANSWER_S, sock_read=answer_s)
        try:
            url = URL(self.url + path, encoded=True)  # a slash in a name stays what it was made
            async with self._session.request(method, url, data=body, timeout=timeout) as response:
                answer = await response.read()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unreachable(error) from error
        if response.status not in (200, 201):
            raise Failed(self._refused(response.status, answer))
        return self._decoded(answer, shape)

    def _decoded(self, body: bytes, shape: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=shape)
        except msgspec.MsgspecError as error:
            raise Failed(f"What answers at {self.url} is no Strowger of this version: {error}") from error

    def _refused(self, status: int, body: bytes) -> str:
        if status == 401:
            return f"The server at {self.url} has another admin token: the one in {ADMIN_TOKEN} in its data directory."
        try:
            problem = msgspec.json.decode(body, type=_Refusal).error
            more = problem.details if len(problem.details) > 1 else ()
            return "\n".join([printable(problem.message, 1_000), *map(_line, more)])
        except msgspec.MsgspecError:
            return f"What answers at {self.url} is no Strowger: it said {status}."

    def _unreachable(self, error: Exception) -> Failed:
        return Failed(f"No server answers at {self.url} ({printable(str(error))}): is it running?")


def _path_of(name: str) -> str:
    return f"{SUBSCRIPTIONS}/{quote(name, safe='')}"


def _letter_path(letter_id: str) -> str:
    return f"{DEAD_LETTERS}/{quote(letter_id, safe='')}"


def _line(detail: Detail) -> str:
    hint = f" ({detail.hint})" if detail.hint else ""
    return printable(f"  {detail.path}: {detail.message}{hint}", 1_000)


def token_in(path: Path) -> str:
    """The admin token of a file. Raises Failed."""
    try:
        return read(path)
    except FileNotFoundError as error:
        raise Failed(f"There is no admin token in {path}: a server that runs there makes it when it starts.") from error
    except (OSError, ValueError) as error:
        raise Failed(f"The admin token cannot be read: {error}") from error
