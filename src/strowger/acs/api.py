"""From a request to its reply: the order of the checks, and the headers every reply carries.

Path and method first, because they are no secret; then who asks, before anything that could tell a stranger
whether an operation, a version or a call exists; then whether it may, version, media type, repeatability, body, and at
last the decision. Reading octets belongs to the HTTP listener, deciding to `calls`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Final, Literal, Protocol

import msgspec

from strowger.acs import pull, token_keys
from strowger.acs.auth import Authenticator, Credentials, Principal, Resource, require_permission
from strowger.acs.authenticators.access_key import AccessKeyAuthenticator
from strowger.acs.awaited import awaited
from strowger.acs.errors import (
    JSON_CONTENT_TYPE,
    BodyTooLarge,
    MediaTypeRefused,
    MethodRefused,
    OperationNotImplemented,
    PathUnknown,
    PermissionMissing,
    RepeatRefused,
    RepeatTooLate,
    RequestInFlight,
    RequestRefused,
    Unavailable,
    error_body,
    error_code,
    error_reply,
)
from strowger.acs.guesses import Guesses
from strowger.acs.message import Headers, Reply, Request
from strowger.acs.operations import redirect_call, reject_call
from strowger.acs.operations.catalogue import IDENTITY, REDIRECT_CALL, REJECT_CALL, Operation, find_operation
from strowger.acs.operations.identity.carried_out import CARRIED_OUT
from strowger.acs.operations.identity.service import Asked, IdentityService
from strowger.acs.pull import PullApi
from strowger.acs.repeatability import Outcome, Repeat, Repeatability, fingerprint
from strowger.acs.replay import SignatureMemory
from strowger.acs.signature import CONTENT_HASH, content_hash
from strowger.acs.versions import IDENTITY_KNOWN, version_of, warning_for
from strowger.calls.decision import Accepted, Answer, CallControl
from strowger.calls.errors import CallError, ContextMalformed, DecisionRefused, IdentityRefused, StoreUnavailable
from strowger.calls.ledger import Clock
from strowger.calls.ports import Receipt, Store

MAX_CLIENT_REQUEST_ID_CHARACTERS: Final = 256
"""Longest x-ms-client-request-id that is echoed."""
JWKS_CONTENT_TYPE: Final = "application/jwk-set+json"
JWKS_CACHING: Final = "max-age=300"
"""Who sees a token with an unknown key asks again anyway."""

CLOCK_SET_BY_S: Final = 7_200.0
"""A wall clock that is set back by no more than this makes no signature new again that was seen."""
TOO_MANY: Final = 429
"""Says nothing of the request itself, only of its time (RFC 6585 §4), and so its answer is not kept."""


class ApiSettings(msgspec.Struct, frozen=True):
    """What an operator may want otherwise."""

    request_body_bytes: int = 65_536
    """Longest body; beyond it 413."""
    clock_skew_s: float = 900.0
    """How far the date of a signed request may lie from our clock."""
    signatures_remembered: int = 100_000
    context_guesses: int = 100
    """Wrong contexts of one client per minute; beyond it 429."""
    repeatability: Literal["lenient", "acs-strict"] = "lenient"
    """lenient: repeats are recognised as long as their answer is kept. acs-strict: five minutes, and 409 for a twin."""
    repeatability_kept_for_s: float = 86_400.0
    """How long the store keeps receipts."""
    retry_after_s: int = 1
    """What a client is told to wait when the store is unavailable."""
    trusts_forwarded_host: bool = False
    """Whether X-Forwarded-Host comes from a proxy of ours."""
    shows_string_to_sign: bool = False
    """Development only: a refused signature shows what the server would have signed."""


class Decision(Protocol):
    """A valid request, ready to be decided."""

    def submit(self, control: CallControl, principal: Principal, receipt: Receipt | None, answer: Answer) -> None:
        """Ask for the decision in the name of `principal`."""
        ...


IMPLEMENTED: Final[dict[Operation, Callable[[bytes], Decision]]] = {
    REDIRECT_CALL: redirect_call.read,
    REJECT_CALL: reject_call.read,
}


class Api:
    """The Call Automation API, independent of the HTTP server that carries it."""

    def __init__(
        self,
        control: CallControl,
        store: Store,
        resources: Sequence[Resource],
        *,
        clock: Clock,
        token: Callable[[], str],
        settings: ApiSettings | None = None,
        authenticators: Sequence[Authenticator] = (),
        identity: IdentityService | None = None,
    ) -> None:
        """`token` makes a URL-safe word of 22 characters, the base of each MS-CV.

        `authenticators` are for credentials other than the access keys of `resources`; without an `identity` service
        its operations are answered as not implemented.
        """
        self._settings: Final = settings or ApiSettings()
        self._control: Final = control
        self._identity: Final = identity
        self.pull: PullApi | None = None
        """Where applications fetch their events; without it there is no such path."""
        self._wall: Final = clock.wall
        self._monotonic: Final = clock.monotonic
        self._vector_base: Final = token()
        self._vectors: Final = count()
        skew = self._settings.clock_skew_s
        self._access_keys: Final = AccessKeyAuthenticator(
            resources,
            clock_skew_s=skew,
            memory=SignatureMemory(
                remembered=self._settings.signatures_remembered, valid_for_s=2 * skew + CLOCK_SET_BY_S
            ),
            trusts_forwarded_host=self._settings.trusts_forwarded_host,
            shows_string_to_sign=self._settings.shows_string_to_sign,
        )
        self._credentials: Final = Credentials((self._access_keys, *authenticators))
        self._guesses: Final = Guesses(self._settings.context_guesses)
        self._repeatability: Final = Repeatability(
            store,
            kept_for_s=self._settings.repeatability_kept_for_s,
            clock_skew_s=skew,
            is_strict=self._settings.repeatability == "acs-strict",
        )

    def use(self, resources: Sequence[Resource]) -> None:
        """From now on believe the keys of these resources; requests that are under way were believed before."""
        self._access_keys.use(resources)

    async def handle(self, request: Request) -> Reply:
        """The reply to one request. Never raises for what a client sends."""
        headers = [("MS-CV", f"{self._vector_base}.{next(self._vectors)}")]
        client_id = request.headers.first("x-ms-client-request-id")
        if client_id and _may_be_echoed(client_id):
            headers.append(("x-ms-client-request-id", client_id))
        try:
            if request.path == token_keys.PATH:
                return self._public_keys(request, headers)
            if self.pull is not None and request.path.startswith(pull.PREFIX):
                return await self._serve_pull(self.pull, request, headers)
            outcome = await self._answer(request, headers)
        except RequestRefused as refusal:
            return _refusal(refusal, headers)
        except StoreUnavailable:
            return _refusal(self._unavailable(), headers)
        if outcome.correlation_id:
            headers.append(("X-Microsoft-Skype-Chain-ID", outcome.correlation_id))
        if outcome.body:
            headers.append(("Content-Type", JSON_CONTENT_TYPE))
        if outcome.status >= 400:
            headers.append(("x-ms-error-code", error_code(outcome.body)))
        if outcome.status == 405:
            headers.append(("Allow", request.method))  # the decision was refused, not the method, but RFC 9110 wants it
        return Reply(outcome.status, tuple(headers), outcome.body)

    async def _answer(self, request: Request, headers: list[tuple[str, str]]) -> Outcome:
        operation = find_operation(request.method, request.path)
        self._check_length(request)
        now = self._wall()
        principal = await self._credentials.authenticate(request, now)
        require_permission(principal, operation)
        version = version_of(request.query)
        of_identity = operation.service == IDENTITY
        if of_identity:
            headers.append(("api-supported-versions", ", ".join(IDENTITY_KNOWN)))
        warning = warning_for(version, of_identity=of_identity)
        if warning is not None:
            headers.append(("Warning", warning))
        if of_identity and self._identity is not None:
            return await self._serve_identity(self._identity, operation, principal, request, now)
        read = IMPLEMENTED.get(operation)
        if read is None:
            raise OperationNotImplemented(
                f"{operation.name} of {operation.service} is not implemented by this server; "
                f"{' and '.join(known.name for known in IMPLEMENTED)} are."
            )
        _check_media_type(request.headers)
        request_id = self._repeatability.request_id(request.headers, now)
        decision = read(request.body)
        self._guesses.require_few(principal, now)
        if principal.signature:
            self._access_keys.require_unseen(principal, request, self._monotonic())
        if request_id is None:
            return await self._decide(decision, principal, None)
        repeat = Repeat(_scope(principal, operation), request_id, _fingerprint(operation, version, principal, request))
        outcome = await self._repeatability.once(repeat, lambda: self._decide(decision, principal, repeat))
        if outcome.status != TOO_MANY:
            headers.append(("Repeatability-Result", "accepted"))
        return outcome

    async def _serve_identity(
        self, service: IdentityService, operation: Operation, principal: Principal, request: Request, now: float
    ) -> Outcome:
        """These carry no Repeatability headers, and two users may well be created in the same second."""
        if request.body:
            _check_media_type(request.headers)
        asked = Asked(principal.resource, request.path, request.body, now)
        try:
            return await CARRIED_OUT[operation](service, asked)
        except IdentityRefused as refusal:
            return Outcome(refusal.status, error_body(refusal.code, str(refusal), refusal.target))

    async def _serve_pull(self, served: PullApi, request: Request, headers: list[tuple[str, str]]) -> Reply:
        place = pull.place_of(request.method, request.path)
        self._check_length(request)
        principal = await self._credentials.authenticate(request, self._wall())
        if principal.user:
            raise PermissionMissing("Events are for the resource itself: use an access key or an Entra token.")
        if request.body:
            _check_media_type(request.headers)
        reply = await served.answer(place, principal.resource, request)
        return Reply(reply.status, (*headers, *reply.headers), reply.body, reply.pieces)

    def _check_length(self, request: Request) -> None:
        if len(request.body) > self._settings.request_body_bytes:
            raise BodyTooLarge(f"The body is longer than {self._settings.request_body_bytes} bytes.")

    def _public_keys(self, request: Request, headers: list[tuple[str, str]]) -> Reply:
        """For anybody who wants to verify a user access token."""
        if self._identity is None:
            raise PathUnknown("This server gives out no tokens.")
        if request.method != "GET":
            raise MethodRefused("This path is used with GET only.", headers=(("Allow", "GET"),))
        described = (("Content-Type", JWKS_CONTENT_TYPE), ("Cache-Control", JWKS_CACHING))
        return Reply(200, (*headers, *described), self._identity.tokens.keys.public())

    async def _decide(self, decision: Decision, principal: Principal, repeat: Repeat | None) -> Outcome:
        """Raises StoreUnavailable when nothing was done, or when a refusal could not be stored for its repeat."""
        receipt = None if repeat is None else repeat.receipt(self._wall(), 204)
        answer: Accepted | CallError = await awaited(
            lambda answer: decision.submit(self._control, principal, receipt, answer)
        )
        if isinstance(answer, Accepted):
            return Outcome(204, correlation_id=answer.correlation_id)
        if not isinstance(answer, DecisionRefused):
            raise answer
        if isinstance(answer, ContextMalformed):
            self._guesses.missed(principal, self._wall())
        body = error_body(answer.code, str(answer) or type(answer).__doc__ or "", answer.target)
        if repeat is not None and answer.status != TOO_MANY:  # a repeat of that one may be meant to try again
            await self._repeatability.keep(repeat.receipt(self._wall(), answer.status, body))
        return Outcome(answer.status, body)

    def _unavailable(self) -> Unavailable:
        return Unavailable(
            "The server cannot store decisions at the moment. Nothing was done; repeat the request.",
            headers=(("Retry-After", str(self._settings.retry_after_s)),),
        )


def _scope(principal: Principal, operation: Operation) -> str:
    """Ids are the business of whoever sends them: nobody gets an answer that was meant for somebody else."""
    who = f"{principal.resource} {principal.user}" if principal.user else principal.resource
    return f"{who} {operation.method} {operation.path}"


def _fingerprint(operation: Operation, version: str, principal: Principal, request: Request) -> bytes:
    # The hash was compared with the body's when the signature was checked; the body need not be hashed again.
    written = request.headers.first(CONTENT_HASH) if principal.signature else None
    return fingerprint(operation.method, operation.path, version, written or content_hash(request.body))


def _may_be_echoed(client_id: str) -> bool:
    return len(client_id) <= MAX_CLIENT_REQUEST_ID_CHARACTERS and client_id.isascii() and client_id.isprintable()


def _check_media_type(headers: Headers) -> None:
    encoding = headers.first("content-encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise MediaTypeRefused("The body is compressed; send it as it is.", "Content-Encoding")
    written = headers.first("content-type") or ""
    if written == "application/json":
        return
    media_type, *parameters = (part.strip().lower() for part in written.split(";"))
    if media_type != "application/json":
        raise MediaTypeRefused("The Content-Type is not application/json.", "Content-Type")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "charset" and value.strip('"') != "utf-8":
            raise MediaTypeRefused("The charset of the body is not utf-8.", "Content-Type")


def _refusal(refusal: RequestRefused, headers: list[tuple[str, str]]) -> Reply:
    if isinstance(refusal, RepeatRefused | RepeatTooLate | RequestInFlight):
        headers.append(("Repeatability-Result", "rejected"))
    return error_reply(refusal, headers)
