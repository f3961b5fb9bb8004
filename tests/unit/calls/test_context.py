"""The incomingCallContext: what applications may read in it, and what nobody may change."""

from __future__ import annotations

import base64
import json

import pytest

from strowger.calls.context import MAX_CONTEXT_CHARACTERS, Claims, ContextSigner
from strowger.calls.errors import ContextMalformed

SIGNER = ContextSigner(b"k" * 32, "node-1")
CALL_ID = "5c0b8a9e-59c7-4f0e-8f0e-2f6d2f0f9a11"


def a_context() -> str:
    return SIGNER.issue(CALL_ID, 2, "dev", 1_700_000_030.9)


def test_it_says_what_was_put_in() -> None:
    assert SIGNER.read(a_context()) == Claims(CALL_ID, 2, "dev", 1_700_000_030, "node-1")


def test_three_base64url_parts_the_middle_one_json_with_cc() -> None:
    header, payload, signature = a_context().split(".")
    for part in (header, payload, signature):
        assert set(part) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert json.loads(base64.urlsafe_b64decode(payload + "=="))["cc"] == f"{CALL_ID}.2"


def test_it_is_short() -> None:
    assert len(a_context()) < 400


@pytest.mark.parametrize("position", range(0, 200, 7))
def test_one_changed_character_is_noticed(position: int) -> None:
    context = a_context()
    changed = "A" if context[position] != "A" else "B"
    with pytest.raises(ContextMalformed):
        SIGNER.read(context[:position] + changed + context[position + 1 :])


@pytest.mark.parametrize(
    "context", ["", ".", "..", "a.b", "a.b.c", "a.b.c.d", "é.b.c", "\x00" * 9, "a" * 10_000, "🎉.🎉.🎉"]
)
def test_garbage_is_refused(context: str) -> None:
    with pytest.raises(ContextMalformed):
        SIGNER.read(context)


def test_the_longest_context_is_still_read_and_one_more_is_not() -> None:
    room = MAX_CONTEXT_CHARACTERS
    resource = "r"
    while len(SIGNER.issue(CALL_ID, 2, resource + "rrr", 0)) <= room:
        resource += "rrr"
    assert SIGNER.read(SIGNER.issue(CALL_ID, 2, resource, 0)).resource == resource
    with pytest.raises(ContextMalformed):
        SIGNER.read(SIGNER.issue(CALL_ID, 2, resource + "rrr", 0))


def test_another_installation_cannot_issue_ours() -> None:
    with pytest.raises(ContextMalformed):
        SIGNER.read(ContextSigner(b"x" * 32, "node-1").issue(CALL_ID, 2, "dev", 0))
