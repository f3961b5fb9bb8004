"""The headers that every answer of the console has."""

from __future__ import annotations

import json

from strowger.console.errors import MethodRefused
from strowger.console.reply import SECURITY, json_reply, refusal


def test_json() -> None:
    response = json_reply({"a": "é"}, 201, {"X-More": "1"})
    assert (response.status, response.body) == (201, '{"a":"é"}'.encode())
    assert dict(response.headers) == {**SECURITY, "Content-Type": "application/json; charset=utf-8", "X-More": "1"}


def test_a_refusal_carries_its_code_and_headers() -> None:
    response = refusal(MethodRefused("Not so."))
    assert response.status == 405
    assert json.loads(response.body) == {"error": {"code": "method_not_allowed", "message": "Not so."}}  # type: ignore[arg-type]
    assert response.headers["Allow"] == "GET, HEAD"
