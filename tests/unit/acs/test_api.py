from __future__ import annotations

import asyncio
from typing import Any

import pytest

from strowger.acs.api import IMPLEMENTED, MAX_CLIENT_REQUEST_ID_CHARACTERS, ApiSettings
from strowger.acs.auth import Principal, Resource
from strowger.acs.message import Headers, Request
from strowger.acs.operations.catalogue import CATALOGUE, Operation
from strowger.calls.decision import Accepted, RedirectCall, RejectCall, RejectReason
from strowger.calls.errors import (
    CallOver,
    CallThrottled,
    ContextForeign,
    ContextMalformed,
    DecisionRefused,
    HopClosed,
    StoreUnavailable,
    TargetInvalid,
    TargetUnroutable,
    TooManyRedirects,
)
from strowger.calls.identifier import Identifier, Kind
from tests.support.acs import (
    BODY,
    CORRELATION_ID,
    KEY,
    OTHER_REQUEST_ID,
    REDIRECT,
    REJECT,
    REQUEST_ID,
    Bench,
    error_of,
)

TARGET = Identifier(Kind.PHONE_NUMBER, "4:+4512345678")
SCOPE = "dev POST /calling/callConnections:redirect"


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.asyncio
async def test_a_redirect_is_answered_without_a_body(bench: Bench) -> None:
    reply = await bench.send(bench.request(x_ms_client_request_id="7c1f"))
    assert reply.status == 204
    assert reply.body == b""
    assert reply.headers == (
        ("MS-CV", "AAAAAAAAAAAAAAAAAAAAAA.0"),
        ("x-ms-client-request-id", "7c1f"),
        ("X-Microsoft-Skype-Chain-ID", CORRELATION_ID),
    )
    assert bench.control.commands == [RedirectCall("dev", "CTX", TARGET, None)]


@pytest.mark.asyncio
async def test_a_reject_too(bench: Bench) -> None:
    reply = await bench.send(bench.request(b'{"incomingCallContext":"CTX","callRejectReason":"busy"}', target=REJECT))
    assert reply.status == 204
    assert bench.control.commands == [RejectCall("dev", "CTX", RejectReason.BUSY, None)]


@pytest.mark.asyncio
async def test_the_resource_is_the_one_whose_key_signed() -> None:
    bench = Bench(resources=[Resource("a", ("elsewhere",), (b"x",)), Resource("b", ("127.0.0.1",), (KEY,))])
    await bench.send(bench.request())
    assert bench.control.commands[0].resource == "b"


@pytest.mark.parametrize(
    ("refusal", "status", "code", "target"),
    [
        (ContextMalformed("m"), 400, "8523", "incomingCallContext"),
        (ContextForeign("m"), 403, "7507", "incomingCallContext"),
        (CallOver("m"), 404, "8522", None),
        (HopClosed("m"), 409, "8519", None),
        (TooManyRedirects("m"), 400, "8521", None),
        (TargetInvalid("m"), 400, "8523", "target"),
        (TargetUnroutable("m"), 405, "8520", "target"),
    ],
)
@pytest.mark.asyncio
async def test_refusals_of_the_domain(
    bench: Bench, refusal: DecisionRefused, status: int, code: str, target: str | None
) -> None:
    bench.control.answer = refusal
    reply = await bench.send(bench.repeatable())
    expected = {"code": code, "message": "m"} | ({"target": target} if target else {})
    assert (reply.status, error_of(reply)) == (status, expected)
    assert reply.header("Content-Type") == "application/json; charset=utf-8"
    assert reply.header("x-ms-error-code") == code
    assert reply.header("Retry-After") is None
    assert reply.header("Repeatability-Result") == "accepted"
    again = await bench.send(bench.repeatable())
    assert (again.status, again.body, again.header("x-ms-error-code")) == (reply.status, reply.body, code)
    assert len(bench.control.commands) == 1


@pytest.mark.asyncio
async def test_a_refusal_without_words_gets_some(bench: Bench) -> None:
    bench.control.answer = CallOver()
    assert error_of(await bench.send(bench.request()))["message"] == "The call has ended."


@pytest.mark.parametrize("request_maker", ["request", "repeatable"])
@pytest.mark.asyncio
async def test_an_unavailable_store_is_503_with_retry_after(bench: Bench, request_maker: str) -> None:
    bench.control.answer = StoreUnavailable("disk full: /var/lib/strowger")
    reply = await bench.send(getattr(bench, request_maker)())
    assert (reply.status, reply.header("Retry-After"), error_of(reply)["code"]) == (503, "1", "503")
    assert "disk full" not in reply.body.decode()
    assert reply.header("Repeatability-Result") is None


@pytest.mark.asyncio
async def test_a_refusal_that_cannot_be_kept_is_503(bench: Bench) -> None:
    bench.control.answer = CallOver("m")
    bench.store.fails_with = StoreUnavailable("disk full")
    assert (await bench.send(bench.repeatable())).status == 503
    bench.store.fails_with = None
    assert (await bench.send(bench.repeatable())).status == 404


@pytest.mark.asyncio
async def test_503_is_not_kept(bench: Bench) -> None:
    accepted, bench.control.answer = bench.control.answer, StoreUnavailable("disk full")
    assert (await bench.send(bench.repeatable())).status == 503
    bench.control.answer = accepted
    assert (await bench.send(bench.repeatable())).status == 204
    assert len(bench.control.commands) == 2


@pytest.mark.asyncio
async def test_the_receipt_rides_in_the_command(bench: Bench) -> None:
    reply = await bench.send(bench.repeatable())
    assert reply.header("Repeatability-Result") == "accepted"
    receipt = bench.control.commands[0].receipt
    assert receipt is not None
    assert (receipt.scope, receipt.request_id, receipt.status, receipt.body) == (SCOPE, REQUEST_ID, 204, b"")
    assert receipt.accepted_at == bench.clock.wall()


@pytest.mark.asyncio
async def test_a_repeat_gets_the_stored_answer_across_a_restart(bench: Bench) -> None:
    await bench.send(bench.repeatable())
    bench.restarted()
    bench.clock.advance(3_600)
    reply = await bench.send(bench.repeatable(x_ms_client_request_id="new"))
    assert reply.status == 204
    assert reply.header("X-Microsoft-Skype-Chain-ID") == CORRELATION_ID
    assert reply.header("x-ms-client-request-id") == "new"
    assert reply.header("Repeatability-Result") == "accepted"
    assert len(bench.control.commands) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"body": BODY + b" "},
        {"target": REDIRECT.replace("2026-03-12", "2025-06-15")},
    ],
)
@pytest.mark.asyncio
async def test_an_id_belongs_to_one_request(bench: Bench, changes: dict[str, Any]) -> None:
    await bench.send(bench.repeatable())
    reply = await bench.send(bench.repeatable(**changes))
    assert (reply.status, reply.header("Repeatability-Result")) == (400, "rejected")
    assert error_of(reply)["target"] == "Repeatability-Request-ID"
    assert len(bench.control.commands) == 1


@pytest.mark.asyncio
async def test_another_operation_has_its_own_ids(bench: Bench) -> None:
    await bench.send(bench.repeatable())
    assert (await bench.send(bench.repeatable(b'{"incomingCallContext":"CTX"}', target=REJECT))).status == 204
    assert len(bench.control.commands) == 2


@pytest.mark.asyncio
async def test_a_twin_in_flight_gets_the_answer_of_the_first(bench: Bench) -> None:
    bench.control.holds = True
    first = asyncio.ensure_future(bench.send(bench.repeatable(x_ms_client_request_id="1")))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(bench.send(bench.repeatable(x_ms_client_request_id="2")))
    await asyncio.sleep(0)
    bench.control.release()
    replies = await asyncio.gather(first, second)
    assert [reply.status for reply in replies] == [204, 204]
    assert [reply.header("x-ms-client-request-id") for reply in replies] == ["1", "2"]
    assert len(bench.control.commands) == 1


@pytest.mark.asyncio
async def test_a_strict_server_refuses_the_twin() -> None:
    bench = Bench(ApiSettings(repeatability="acs-strict"))
    bench.control.holds = True
    first = asyncio.ensure_future(bench.send(bench.repeatable()))
    await asyncio.sleep(0)
    twin = await bench.send(bench.repeatable())
    assert (twin.status, error_of(twin)["code"], twin.header("Repeatability-Result")) == (409, "8519", "rejected")
    bench.control.release()
    assert (await first).status == 204


@pytest.mark.asyncio
async def test_an_old_first_sent_is_412_in_strict_mode_only(bench: Bench) -> None:
    old = bench.date
    strict = Bench(ApiSettings(repeatability="acs-strict"))
    for each in (bench, strict):
        each.clock.advance(301)
    assert (await bench.send(bench.repeatable(Repeatability_First_Sent=old))).status == 204
    reply = await strict.send(strict.repeatable(Repeatability_First_Sent=old))
    assert (reply.status, reply.header("Repeatability-Result")) == (412, "rejected")
    assert strict.control.commands == []


@pytest.mark.asyncio
async def test_one_repeatability_header_alone(bench: Bench) -> None:
    reply = await bench.send(bench.request(Repeatability_Request_ID=REQUEST_ID))
    assert (reply.status, reply.header("Repeatability-Result")) == (400, "rejected")


@pytest.mark.asyncio
async def test_a_replayed_signature_under_a_new_id(bench: Bench) -> None:
    first = bench.repeatable()
    await bench.send(first)
    assert (await bench.send(first)).status == 204
    reply = await bench.send(bench.repeatable(request_id=OTHER_REQUEST_ID))
    assert (reply.status, error_of(reply)["code"]) == (401, "7509")
    assert len(bench.control.commands) == 1


@pytest.mark.parametrize("operation", CATALOGUE, ids=lambda operation: operation.name)
@pytest.mark.asyncio
async def test_strangers_learn_nothing_of_any_operation(bench: Bench, operation: Operation) -> None:
    target = operation.path.replace("{", "").replace("}", "")
    for query in ("?api-version=2026-03-12", "", "?api-version=1"):
        reply = await bench.send(Request(operation.method, target + query, Headers([("Host", "x")]), b"x"))
        assert (reply.status, error_of(reply)["code"]) == (401, "7509")
        assert reply.header("WWW-Authenticate") == "HMAC-SHA256"


@pytest.mark.parametrize(
    "operation", [each for each in CATALOGUE if each not in IMPLEMENTED], ids=lambda each: each.name
)
@pytest.mark.asyncio
async def test_what_is_not_implemented_says_so(bench: Bench, operation: Operation) -> None:
    target = operation.path.replace("{", "").replace("}", "") + "?api-version=2026-03-12"
    reply = await bench.send(bench.request(b"", method=operation.method, target=target))
    assert reply.status == 501
    assert error_of(reply) == {
        "code": "8520",
        "message": f"{operation.name} of {operation.service} is not implemented by this server; "
        "Redirect Call and Reject Call are.",
    }
    assert reply.header("Retry-After") is None


@pytest.mark.asyncio
async def test_keys_are_replaced_while_it_serves(bench: Bench) -> None:
    bench.api.use([Resource("dev", ("127.0.0.1",), (b"another key of the resource",))])
    reply = await bench.send(bench.request())
    assert (reply.status, error_of(reply)["code"]) == (401, "7509")
    bench.api.use(bench.resources)
    assert (await bench.send(bench.request())).status == 204


@pytest.mark.parametrize("jump_s", [3_600.0, -3_600.0])
@pytest.mark.asyncio
async def test_a_clock_that_is_set_and_set_right_makes_no_signature_new_and_locks_nobody_out(
    bench: Bench, jump_s: float
) -> None:
    right = bench.clock.wall()
    seen, replayed = bench.repeatable(), bench.repeatable(request_id=OTHER_REQUEST_ID)
    unseen = bench.request(BODY + b" ")
    assert (await bench.send(seen)).status == 204
    bench.clock.set_wall(right + jump_s)
    for request in (seen, unseen):
        reply = await bench.send(request)
        assert (reply.status, error_of(reply)["code"]) == (401, "7509"), "while the clock is wrong by an hour"
    assert (await bench.send(bench.request())).status == 204, "but whoever has the same time is believed"
    bench.clock.advance(60.0)
    bench.clock.set_wall(right + 60.0)
    assert (await bench.send(unseen)).status == 204
    assert (await bench.send(bench.request())).status == 204
    assert (await bench.send(seen)).status == 204, "an honest repeat"
    reply = await bench.send(replayed)
    assert (reply.status, error_of(reply)["code"]) == (401, "7509")
    assert "was sent before" in error_of(reply)["message"]


@pytest.mark.asyncio
async def test_bearer_tokens(bench: Bench) -> None:
    reply = await bench.send(bench.request(Authorization="Bearer eyJ.e30."))
    assert (reply.status, error_of(reply)["code"]) == (401, "7501")
    assert reply.header("WWW-Authenticate") == 'Bearer error="invalid_token"'


class TokensOf:
    """Believes these bearer tokens."""

    def __init__(self, **principals: Principal) -> None:
        self._principals = principals

    async def authenticate(self, request: Request, now: float) -> Principal | None:
        return self._principals.get((request.headers.first("authorization") or "").removeprefix("Bearer "))


USER = "8:acs:dev_alice"
TOKENS = TokensOf(
    alice=Principal("dev", USER, ("voip",)),
    bob=Principal("dev", "8:acs:dev_bob", ("voip",)),
    chatter=Principal("dev", USER, ("chat",)),
    app=Principal("dev"),
)


def bearer(token: str, body: bytes = BODY, target: str = REDIRECT, more: dict[str, str] | None = None) -> Request:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", **(more or {})}
    return Request("POST", target, Headers(headers.items()), body)


@pytest.mark.asyncio
async def test_a_decision_carries_the_user_who_takes_it() -> None:
    bench = Bench(authenticators=[TOKENS])
    for token in ("app", "alice"):
        assert (await bench.send(bearer(token))).status == 204
    assert (await bench.send(bearer("alice", b'{"incomingCallContext":"CTX"}', REJECT))).status == 204
    assert bench.control.commands == [
        RedirectCall("dev", "CTX", TARGET, None),
        RedirectCall("dev", "CTX", TARGET, None, USER),
        RejectCall("dev", "CTX", RejectReason.NONE, None, USER),
    ]


@pytest.mark.asyncio
async def test_a_token_without_the_scope_decides_nothing() -> None:
    bench = Bench(authenticators=[TOKENS])
    reply = await bench.send(bearer("chatter"))
    assert (reply.status, error_of(reply)["code"]) == (403, "7504")
    reply = await bench.send(bearer("alice", target="/calling/callConnections:answer?api-version=2026-03-12"))
    assert (reply.status, error_of(reply)["code"]) == (403, "7504")
    assert bench.control.commands == []


@pytest.mark.asyncio
async def test_a_bearer_request_is_repeated_by_its_id_alone() -> None:
    bench = Bench(authenticators=[TOKENS])
    ids = {"Repeatability-Request-ID": REQUEST_ID, "Repeatability-First-Sent": bench.date}
    for _ in range(2):
        reply = await bench.send(bearer("app", more=ids))
        assert (reply.status, reply.header("Repeatability-Result")) == (204, "accepted")
    assert len(bench.control.commands) == 1
    for _ in range(2):  # no signature, so none that was used before
        assert (await bench.send(bearer("app"))).status == 204
    assert len(bench.control.commands) == 3


@pytest.mark.asyncio
async def test_a_repeat_with_another_body_is_found_out_whatever_its_unsigned_hash_says() -> None:
    bench = Bench(authenticators=[TOKENS])
    ids = {"Repeatability-Request-ID": REQUEST_ID, "Repeatability-First-Sent": bench.date}
    hashed = ids | {"x-ms-content-sha256": "x"}
    await bench.send(bearer("app", more=hashed))
    reply = await bench.send(bearer("app", BODY.replace(b"CTX", b"CTY"), more=hashed))
    assert (reply.status, error_of(reply)["code"]) == (400, "8523")
    assert (await bench.send(bearer("app", more=ids))).status == 204
    signed = bench.repeatable()
    assert (await bench.send(signed)).status == 204  # the same resource, by its key: the same request
    assert len(bench.control.commands) == 1


@pytest.mark.asyncio
async def test_nobody_gets_the_answer_to_the_id_of_somebody_else() -> None:
    bench = Bench(authenticators=[TOKENS])
    ids = {"Repeatability-Request-ID": REQUEST_ID, "Repeatability-First-Sent": bench.date}
    await bench.send(bearer("app", more=ids))
    bench.control.answer = CallOver("m")
    for token in ("alice", "bob"):
        assert (await bench.send(bearer(token, more=ids))).status == 404
    assert [command.user for command in bench.control.commands] == ["", USER, "8:acs:dev_bob"]


@pytest.mark.asyncio
async def test_unknown_paths_and_wrong_methods_need_no_key(bench: Bench) -> None:
    reply = await bench.send(Request("POST", "/nowhere", Headers()))
    assert (reply.status, error_of(reply)["code"]) == (404, "404")
    for method in ("GET", "HEAD", "TRACE", "OPTIONS"):
        reply = await bench.send(Request(method, REDIRECT, Headers()))
        assert (reply.status, reply.header("Allow")) == (405, "POST")


@pytest.mark.asyncio
async def test_versions(bench: Bench) -> None:
    path = REDIRECT.partition("?")[0]
    assert (await bench.send(bench.request(target=path))).status == 400
    assert (await bench.send(bench.request(target=REDIRECT + "&api-version=2026-03-12"))).status == 400
    reply = await bench.send(bench.request(target=path + "?api-version=2030-01-01"))
    assert reply.status == 204
    assert (reply.header("Warning") or "").startswith('299 - "api-version 2030-01-01 is unknown')


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "application/json; charset=utf-8"}, 204),
        ({"Content_Type": 'Application/JSON;Charset="UTF-8"'}, 204),
        ({"Content_Type": "application/json; charset=utf-16"}, 415),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": ""}, 415),
        ({"Content_Encoding": "identity"}, 204),
        ({"Content_Encoding": "gzip"}, 415),
        ({"Content_Encoding": "gzip, identity"}, 415),
    ],
)
@pytest.mark.asyncio
async def test_media_types(bench: Bench, headers: dict[str, Any], status: int) -> None:
    assert (await bench.send(bench.request(**headers))).status == status


@pytest.mark.asyncio
async def test_a_body_without_a_type(bench: Bench) -> None:
    assert (await bench.send(bench.request(without=("content-type",)))).status == 415


@pytest.mark.asyncio
async def test_the_body_is_limited(bench: Bench) -> None:
    limit = bench.settings.request_body_bytes
    assert (await bench.send(bench.request(BODY + b" " * (limit - len(BODY))))).status == 204
    reply = await bench.send(bench.request(BODY + b" " * (limit - len(BODY) + 1)))
    assert (reply.status, error_of(reply)["code"]) == (413, "413")


@pytest.mark.parametrize(
    ("client_id", "is_echoed"),
    [
        ("a" * MAX_CLIENT_REQUEST_ID_CHARACTERS, True),
        ("a" * (MAX_CLIENT_REQUEST_ID_CHARACTERS + 1), False),
        ("", False),
        ("é", False),
        ("a\x01", False),
        ("a\udcff", False),
    ],
)
@pytest.mark.asyncio
async def test_the_client_request_id_is_echoed_only_when_harmless(
    bench: Bench, client_id: str, is_echoed: bool
) -> None:
    for reply in (
        await bench.send(bench.request(x_ms_client_request_id=client_id)),
        await bench.send(Request("GET", "/nowhere", Headers([("X-Ms-Client-Request-Id", client_id)]))),
    ):
        assert reply.header("x-ms-client-request-id") == (client_id if is_echoed else None)


@pytest.mark.asyncio
async def test_a_bad_body_reaches_nobody_and_is_not_kept(bench: Bench) -> None:
    reply = await bench.send(bench.repeatable(b'{"incomingCallContext":"CTX"}'))
    assert (reply.status, error_of(reply)["target"]) == (400, "target")
    assert bench.control.commands == []
    assert bench.store.receipts == {}


@pytest.mark.asyncio
async def test_development_shows_the_string_to_sign() -> None:
    bench = Bench(ApiSettings(shows_string_to_sign=True))
    reply = await bench.send(bench.request(Host="10.0.0.1"))
    assert f"'POST\\n{REDIRECT}\\n{bench.date};10.0.0.1;" in error_of(reply)["message"]


@pytest.mark.asyncio
async def test_guessing_contexts_ends_soon() -> None:
    bench = Bench(ApiSettings(context_guesses=5), authenticators=[TOKENS])
    bench.control.answer = ContextMalformed("m")
    statuses = [(await bench.send(bearer("app"))).status for _ in range(10_000)]
    assert statuses == [400] * 5 + [429] * 9_995
    assert len(bench.control.commands) == 5
    bench.control.answer = Accepted(CORRELATION_ID)
    reply = await bench.send(bearer("app"))
    assert (reply.status, error_of(reply)["code"], reply.header("Retry-After")) == (429, "8516", None)
    assert (await bench.send(bearer("alice"))).status == 204
    bench.clock.advance(60.0)
    assert (await bench.send(bearer("app"))).status == 204


@pytest.mark.asyncio
async def test_what_was_too_much_at_its_time_can_be_tried_again_under_its_id(bench: Bench) -> None:
    bench.control.answer = CallThrottled("m", "8530")
    reply = await bench.send(bench.repeatable())
    assert (reply.status, error_of(reply)["code"]) == (429, "8530")
    assert (reply.header("Repeatability-Result"), reply.header("Retry-After")) == (None, None)
    bench.control.answer = Accepted(CORRELATION_ID)
    reply = await bench.send(bench.repeatable())
    assert (reply.status, reply.header("Repeatability-Result")) == (204, "accepted")
