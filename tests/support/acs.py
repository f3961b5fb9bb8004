"""An application's side of the API: requests signed as the official SDKs do; a domain and a store that do as told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Sequence

from strowger.acs.api import Api, ApiSettings
from strowger.acs.auth import Authenticator, Resource
from strowger.acs.fixdate import write
from strowger.acs.message import Headers, Reply, Request
from strowger.acs.operations.identity.service import IdentityService
from strowger.base.clock import VirtualClock
from strowger.calls.call import Call
from strowger.calls.decision import Accepted, Answer, RedirectCall, RejectCall
from strowger.calls.errors import CallError
from strowger.calls.ports import Commit, Done, OutboxEntry, Receipt, StoredCall

ACCESS_KEY = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
KEY = base64.b64decode(ACCESS_KEY)
SECOND_KEY = b"fedcba9876543210fedcba9876543210"
REDIRECT = "/calling/callConnections:redirect?api-version=2026-03-12"
REJECT = "/calling/callConnections:reject?api-version=2026-03-12"
HOST = "127.0.0.1:8080"
REQUEST_ID = "5b0c4ba1-6b43-4b2a-9f63-3f0e2a3f9d10"
OTHER_REQUEST_ID = "5b0c4ba1-6b43-4b2a-9f63-3f0e2a3f9d11"
CORRELATION_ID = "0f2ad5a3-7f0e-4c57-9d5f-2f5b8b3d2a11"
SIGNED_HEADERS = "x-ms-date;host;x-ms-content-sha256"
BODY = json.dumps({"incomingCallContext": "CTX", "target": {"rawId": "4:+4512345678"}}).encode()


def content_hash(body: bytes) -> str:
    """The value of x-ms-content-sha256."""
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def signature(key: bytes, text: str) -> str:
    """The base64 of the HMAC of `text`."""
    return base64.b64encode(hmac.digest(key, text.encode(), "sha256")).decode()


def signed_headers(
    method: str,
    target: str,
    body: bytes,
    date: str,
    *,
    host: str = HOST,
    signed_host: str | None = None,
    signed_target: str | None = None,
    key: bytes = KEY,
) -> dict[str, str]:
    """The headers of a signed request, as a client that spells host and target in its own way sends them."""
    text = f"{method}\n{signed_target or target}\n{date};{signed_host or host};{content_hash(body)}"
    return {
        "Host": host,
        "x-ms-date": date,
        "x-ms-content-sha256": content_hash(body),
        "Authorization": f"HMAC-SHA256 SignedHeaders={SIGNED_HEADERS}&Signature={signature(key, text)}",
        "Content-Type": "application/json",
    }


class ScriptedControl:
    """A domain that keeps the commands it gets, and answers as told or when told."""

    def __init__(self, answer: Accepted | CallError | None = None) -> None:
        self.answer = answer or Accepted(CORRELATION_ID)
        self.commands: list[RedirectCall | RejectCall] = []
        self.holds = False
        self.waiting: list[Answer] = []
        self.kept: Callable[[Receipt], None] = lambda receipt: None

    def redirect(self, command: RedirectCall, answer: Answer) -> None:
        self._decide(command, answer)

    def reject(self, command: RejectCall, answer: Answer) -> None:
        self._decide(command, answer)

    def _decide(self, command: RedirectCall | RejectCall, answer: Answer) -> None:
        self.commands.append(command)
        if self.holds:
            self.waiting.append(answer)
            return
        self._commit(command)
        answer(self.answer)

    def release(self) -> None:
        """Answer everything held."""
        self.holds = False
        waiting, self.waiting = self.waiting, []
        for command, answer in zip(self.commands, waiting, strict=True):
            self._commit(command)
            answer(self.answer)

    def _commit(self, command: RedirectCall | RejectCall) -> None:
        receipt, answer = command.receipt, self.answer
        if receipt is not None and isinstance(answer, Accepted):
            self.kept(
                Receipt(
                    receipt.scope,
                    receipt.request_id,
                    receipt.fingerprint,
                    receipt.accepted_at,
                    receipt.status,
                    receipt.body,
                    answer.correlation_id,
                )
            )


class ReceiptStore:
    """A store of which only the receipts are used."""

    def __init__(self) -> None:
        self.receipts: dict[tuple[str, str], Receipt] = {}
        self.fails_with: CallError | None = None

    def keep(self, receipt: Receipt) -> None:
        self.receipts[receipt.scope, receipt.request_id] = receipt

    def save_receipt(self, receipt: Receipt, done: Done) -> None:
        if self.fails_with is None:
            self.keep(receipt)
        done(self.fails_with)

    def find_receipt(self, scope: str, request_id: str) -> Receipt | None:
        return self.receipts.get((scope, request_id))

    def commit(self, unit: Commit, done: Done) -> None:
        raise NotImplementedError

    def add_events(self, entries: Sequence[OutboxEntry], done: Done) -> None:
        raise NotImplementedError

    def tried(self, entry: OutboxEntry) -> None:
        raise NotImplementedError

    def delivered(self, entry: OutboxEntry) -> None:
        raise NotImplementedError

    def live_calls(self) -> list[StoredCall]:
        raise NotImplementedError

    def ended_calls(self, since: float) -> list[StoredCall]:
        raise NotImplementedError

    def pending_events(self) -> list[OutboxEntry]:
        raise NotImplementedError

    def find_call(self, call_id: str) -> Call | None:
        raise NotImplementedError

    def recent_calls(self, limit: int) -> list[Call]:
        raise NotImplementedError

    def prune(self, now: float) -> None:
        raise NotImplementedError

    def secret(self, name: str, make: Callable[[], bytes]) -> bytes:
        raise NotImplementedError

    def is_writable(self) -> bool:
        return self.fails_with is None

    def close(self) -> None:
        raise NotImplementedError


class Bench:
    """An API with everything around it under control of the test."""

    def __init__(
        self,
        settings: ApiSettings | None = None,
        resources: Iterable[Resource] | None = None,
        authenticators: Sequence[Authenticator] = (),
        identity: IdentityService | None = None,
    ) -> None:
        self.authenticators = authenticators
        self.identity = identity
        self.clock = VirtualClock()
        self.control = ScriptedControl()
        self.store = ReceiptStore()
        self.control.kept = self.store.keep
        self.settings = settings or ApiSettings()
        self.resources = tuple(resources or (Resource("dev", ("127.0.0.1", "localhost"), (KEY, SECOND_KEY)),))
        self.api = self.restarted()

    def restarted(self) -> Api:
        """A new API over the same store, as after a restart."""
        self.api = Api(
            self.control,
            self.store,
            self.resources,
            clock=self.clock,
            token=lambda: "AAAAAAAAAAAAAAAAAAAAAA",
            settings=self.settings,
            authenticators=self.authenticators,
            identity=self.identity,
        )
        return self.api

    @property
    def date(self) -> str:
        """The date header of now."""
        return write(self.clock.wall())

    def request(
        self,
        body: bytes = BODY,
        *,
        method: str = "POST",
        target: str = REDIRECT,
        without: Iterable[str] = (),
        **more: str,
    ) -> Request:
        """A signed request; `more` are headers with underscores for hyphens, `without` are names left out."""
        headers = signed_headers(method, target, body, self.date)
        headers.update({name.replace("_", "-"): value for name, value in more.items()})
        kept = [(name, value) for name, value in headers.items() if name.lower() not in without]
        return Request(method, target, Headers(kept), body)

    def repeatable(
        self, body: bytes = BODY, request_id: str = REQUEST_ID, target: str = REDIRECT, **more: str
    ) -> Request:
        """A signed request with both Repeatability headers."""
        more = {"Repeatability_Request_ID": request_id, "Repeatability_First_Sent": self.date, **more}
        return self.request(body, target=target, **more)

    async def send(self, request: Request) -> Reply:
        """The reply to `request`."""
        return await self.api.handle(request)


def error_of(reply: Reply) -> dict[str, str]:
    """The error of a reply, decoded."""
    error = json.loads(reply.body)["error"]
    assert isinstance(error, dict)
    return error
