"""What the API answers instead of a success, and the body it is written in.

RequestRefused                status, error code, message, the part at fault, extra headers
├── ArgumentInvalid           400 8523  a part of the request is missing, malformed or contradicts another
│   └── RepeatRefused         400 8523  the Repeatability headers, or an id used for another request
├── CredentialRefused         401 7509  the signature, or what it should cover
│   └── TokenRefused          401 7501  a token that is false, over, or from somebody who is not believed
├── PermissionMissing         403 7504  somebody who is known, and may not do this
├── PathUnknown               404 404
├── MethodRefused             405 405   with Allow
├── RequestSlow               408 408
├── RequestInFlight           409 8519  strict repeatability: the first request still runs
├── RepeatTooLate             412 412   Repeatability-First-Sent outside the window
├── BodyTooLarge              413 413
├── MediaTypeRefused          415 415
├── GuessesSpent              429 8516  too many contexts that are not ours
├── ReadersTooMany            429 429   with Retry-After
├── HeadTooLarge              431 431
├── OperationNotImplemented   501 8520  known, honest, and not carried out by this server
└── Unavailable               503 503   nothing was done; with Retry-After

Error codes are the published subcodes of Call Automation as strings. Where none is published the code is the HTTP
status, so that nobody reads 8522 ("call not found") out of a mistyped path. Refusals of the domain carry their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from strowger.acs.message import Reply
from strowger.base.text import printable

JSON_CONTENT_TYPE: Final = "application/json; charset=utf-8"
MAX_MESSAGE_CHARACTERS: Final = 2_000
"""Longest error message; a longer one is cut. Only the string to sign of dev mode comes near."""


class CommunicationError(msgspec.Struct, rename="camel", frozen=True):
    """One error (ACS: CommunicationError); absent members are left out: JavaScript clients stumble over null."""

    code: str
    message: str
    target: str | msgspec.UnsetType = msgspec.UNSET
    details: list[CommunicationError] | msgspec.UnsetType = msgspec.UNSET
    innererror: CommunicationError | msgspec.UnsetType = msgspec.UNSET


class CommunicationErrorResponse(msgspec.Struct, frozen=True):
    """The body of every reply that is not a success (ACS: CommunicationErrorResponse)."""

    error: CommunicationError


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(CommunicationErrorResponse)


def error_body(code: str, message: str, target: str | None = None) -> bytes:
    """The encoded CommunicationErrorResponse; text that came from the request is made printable first."""
    error = CommunicationError(
        code, printable(message, MAX_MESSAGE_CHARACTERS), msgspec.UNSET if target is None else printable(target)
    )
    return _encoder.encode(CommunicationErrorResponse(error))


def error_code(body: bytes) -> str:
    """The code in a body that `error_body` made."""
    return _decoder.decode(body).error.code


class RequestRefused(Exception):
    """Root of the room: a request that gets an error reply."""

    status = 400
    code = "8523"
    closes = False
    """Whether the connection must end with the reply, because the rest of the request was not read."""

    def __init__(self, message: str, target: str | None = None, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """`target` is the part of the request at fault, `headers` go into the reply."""
        super().__init__(message)
        self.message = message
        self.target = target
        self.headers = headers

    def body(self) -> bytes:
        """The encoded CommunicationErrorResponse."""
        return error_body(self.code, self.message, self.target)


class ArgumentInvalid(RequestRefused):
    """A part of the request is missing, malformed or contradicts another."""


class RepeatRefused(ArgumentInvalid):
    """The Repeatability headers are wrong, or their id belongs to another request."""


class CredentialRefused(RequestRefused):
    """The request does not prove that it comes from the owner of an access key."""

    status = 401
    code = "7509"
    challenge = (("WWW-Authenticate", "HMAC-SHA256"),)

    def __init__(self, message: str, target: str | None = None) -> None:
        """`target` names the header at fault."""
        super().__init__(message, target, headers=self.challenge)


class TokenRefused(CredentialRefused):
    """A bearer token that proves nothing (RFC 6750 §3.1)."""

    code = "7501"
    challenge = (("WWW-Authenticate", 'Bearer error="invalid_token"'),)


class PermissionMissing(RequestRefused):
    """Whoever sends the request is known, and may not do this."""

    status = 403
    code = "7504"


class PathUnknown(RequestRefused):
    """No operation has this path."""

    status = 404
    code = "404"


class MethodRefused(RequestRefused):
    """The path exists, but not with this method."""

    status = 405
    code = "405"


class RequestSlow(RequestRefused):
    """The rest of the request did not arrive in time."""

    status = 408
    code = "408"
    closes = True


class RequestInFlight(RequestRefused):
    """The first request with the same Repeatability-Request-ID still runs."""

    status = 409
    code = "8519"


class RepeatTooLate(RequestRefused):
    """Repeatability-First-Sent lies outside the time for which answers are kept."""

    status = 412
    code = "412"


class BodyTooLarge(RequestRefused):
    """The body is longer than the server reads."""

    status = 413
    code = "413"
    closes = True


class MediaTypeRefused(RequestRefused):
    """The body is not plain JSON."""

    status = 415
    code = "415"


class GuessesSpent(RequestRefused):
    """Whoever sends the request showed too many contexts that are not ours; nothing was done."""

    status = 429
    code = "8516"


class ReadersTooMany(RequestRefused):
    """Too many readers wait for the events of one subscription."""

    status = 429
    code = "429"

    def __init__(self, message: str) -> None:
        super().__init__(message, headers=(("Retry-After", "1"),))


class HeadTooLarge(RequestRefused):
    """The request line and headers are longer than the server reads."""

    status = 431
    code = "431"
    closes = True


class OperationNotImplemented(RequestRefused):
    """An operation of the contract that this server does not carry out."""

    status = 501
    code = "8520"


class Unavailable(RequestRefused):
    """The server cannot take the request at the moment; nothing was done."""

    status = 503
    code = "503"


def error_reply(refusal: RequestRefused, headers: Sequence[tuple[str, str]] = ()) -> Reply:
    """The reply to a refused request."""
    described = (("Content-Type", JSON_CONTENT_TYPE), ("x-ms-error-code", refusal.code))
    return Reply(refusal.status, (*headers, *described, *refusal.headers), refusal.body())
