from __future__ import annotations

import msgspec
import pytest

from strowger.acs import errors
from strowger.acs.errors import (
    MAX_MESSAGE_CHARACTERS,
    ArgumentInvalid,
    CommunicationError,
    CommunicationErrorResponse,
    MethodRefused,
    RequestRefused,
    error_body,
    error_reply,
)


def test_absent_members_are_left_out() -> None:
    assert error_body("8522", "The call has ended.") == b'{"error":{"code":"8522","message":"The call has ended."}}'


def test_the_target_is_written_when_there_is_one() -> None:
    assert error_body("8523", "No.", "target.kind") == (
        b'{"error":{"code":"8523","message":"No.","target":"target.kind"}}'
    )


def test_details_and_inner_errors_nest() -> None:
    inner = CommunicationError("1", "in")
    body = msgspec.json.encode(
        CommunicationErrorResponse(CommunicationError("2", "out", details=[inner], innererror=inner))
    )
    assert body == (
        b'{"error":{"code":"2","message":"out","details":[{"code":"1","message":"in"}],'
        b'"innererror":{"code":"1","message":"in"}}}'
    )


@pytest.mark.parametrize("hostile", ["\ud800", "\x00\r\n", "\x1b[2J", "\u202e", "\\"])
def test_foreign_text_is_made_printable(hostile: str) -> None:
    decoded = msgspec.json.decode(error_body("8523", hostile, hostile), type=CommunicationErrorResponse)
    assert decoded.error.message.isprintable()
    assert isinstance(decoded.error.target, str) and decoded.error.target.isprintable()


def test_a_message_is_cut_at_its_limit() -> None:
    at_limit = msgspec.json.decode(error_body("1", "a" * MAX_MESSAGE_CHARACTERS), type=CommunicationErrorResponse)
    beyond = msgspec.json.decode(error_body("1", "a" * (MAX_MESSAGE_CHARACTERS + 1)), type=CommunicationErrorResponse)
    assert at_limit.error.message == "a" * MAX_MESSAGE_CHARACTERS
    assert len(beyond.error.message) == MAX_MESSAGE_CHARACTERS and beyond.error.message.endswith("…")


def test_the_reply_carries_code_type_and_own_headers() -> None:
    reply = error_reply(MethodRefused("No.", headers=(("Allow", "POST"),)), [("MS-CV", "a.0")])
    assert reply.status == 405
    assert reply.headers == (
        ("MS-CV", "a.0"),
        ("Content-Type", "application/json; charset=utf-8"),
        ("x-ms-error-code", "405"),
        ("Allow", "POST"),
    )


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("ArgumentInvalid", 400, "8523"),
        ("RepeatRefused", 400, "8523"),
        ("CredentialRefused", 401, "7509"),
        ("TokenRefused", 401, "7501"),
        ("PermissionMissing", 403, "7504"),
        ("PathUnknown", 404, "404"),
        ("MethodRefused", 405, "405"),
        ("RequestSlow", 408, "408"),
        ("RequestInFlight", 409, "8519"),
        ("RepeatTooLate", 412, "412"),
        ("BodyTooLarge", 413, "413"),
        ("MediaTypeRefused", 415, "415"),
        ("GuessesSpent", 429, "8516"),
        ("HeadTooLarge", 431, "431"),
        ("OperationNotImplemented", 501, "8520"),
        ("Unavailable", 503, "503"),
    ],
)
def test_the_tree(name: str, status: int, code: str) -> None:
    refusal = getattr(errors, name)("why")
    assert isinstance(refusal, RequestRefused)
    assert (refusal.status, refusal.code) == (status, code)
    assert "Retry-After" not in dict(refusal.headers)


def test_every_401_carries_a_challenge() -> None:
    assert errors.CredentialRefused("why").headers == (("WWW-Authenticate", "HMAC-SHA256"),)
    assert errors.TokenRefused("why").headers == (("WWW-Authenticate", 'Bearer error="invalid_token"'),)


def test_a_refusal_is_its_message() -> None:
    assert str(ArgumentInvalid("why", "target")) == "why"
