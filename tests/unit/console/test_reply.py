"""The headers that every answer of the console has."""

from __future__ import annotations

import json

from strowger.console.errors import BodyInvalid, Detail, MethodRefused, NotThere
from strowger.console.reply import SECURITY, json_reply, refusal


def test_json() -> None:
    response = json_reply({"a": "é"}, 201, {"X-More": "1"})
    assert (response.status, response.body) == (201, '{"a":"é"}'.encode())
    assert dict(response.headers) == {**SECURITY, "Content-Type": "application/json; charset=utf-8", "X-More": "1"}


def test_a_refusal_carries_its_code_and_headers() -> None:
    response = refusal(MethodRefused("/it", ["POST", "GET"]))
    assert response.status == 405
    error = {"code": "method_not_allowed", "message": "/it takes GET, POST."}
    assert json.loads(response.body) == {"error": error}  # type: ignore[arg-type]
    assert response.headers["Allow"] == "GET, POST"
    assert "Allow" not in refusal(NotThere("Nothing.")).headers


def test_a_refusal_names_everything_that_is_wrong() -> None:
    response = refusal(BodyInvalid("Not so.", [Detail("$.endpoint", "this is required", "a URL")]))
    detail = {"path": "$.endpoint", "message": "this is required", "hint": "a URL"}
    error = {"code": "body_invalid", "message": "Not so.", "details": [detail]}
    assert (response.status, json.loads(response.body)) == (400, {"error": error})  # type: ignore[arg-type]
