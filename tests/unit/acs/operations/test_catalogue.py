from __future__ import annotations

import re

import pytest

from strowger.acs.errors import MethodRefused, PathUnknown
from strowger.acs.operations.catalogue import (
    CALL_AUTOMATION,
    CATALOGUE,
    IDENTITY,
    REDIRECT_CALL,
    REJECT_CALL,
    Operation,
    find_operation,
)


def named(name: str) -> Operation:
    return next(operation for operation in CATALOGUE if operation.name == name)


def test_the_whole_contract_is_there() -> None:
    assert len([operation for operation in CATALOGUE if operation.service == CALL_AUTOMATION]) == 36
    assert len([operation for operation in CATALOGUE if operation.service == IDENTITY]) == 7
    assert len({operation.name for operation in CATALOGUE}) == len(CATALOGUE)
    assert len({(operation.method, operation.path) for operation in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("operation", CATALOGUE, ids=lambda operation: operation.name)
def test_every_operation_is_found_by_its_path(operation: Operation) -> None:
    path = re.sub(r"\{[A-Za-z]+\}", "0f2ad5a3-7f0e-4c57", operation.path)
    assert find_operation(operation.method, path) is operation
    assert find_operation(operation.method, re.sub(r"\{[A-Za-z]+\}", "8%3Aacs%3Aa_b", operation.path)) is operation


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", "/calling/callConnections:redirect", "Redirect Call"),
        ("POST", "/calling/callConnections%3Aredirect", "Redirect Call"),
        ("POST", "/calling/callConnections%3areject", "Reject Call"),
        ("GET", "/calling/callConnections/x/participants/8:acs:a_b", "Get Participant"),
        ("GET", "/calling/callConnections/x/participants/4%3A%2B45", "Get Participant"),
        ("POST", "/identities/8:acs:a_b/:issueAccessToken", "Issue Access Token"),
        ("DELETE", "/identities/8%3Aacs%3Aa_b", "Delete Identity"),
    ],
)
def test_spellings(method: str, path: str, name: str) -> None:
    assert find_operation(method, path) is named(name)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "*",
        "/calling",
        "/calling/",
        "/calling/callConnections/",
        "/calling/callconnections:redirect",
        "/calling/callConnections:redirect/",
        "//calling/callConnections:redirect",
        "/calling/callConnections:fly",
        "/calling/callConnections/x:fly",
        "/calling/callConnections/x/participants:fly",
        "/calling/callConnections/a/b/c",
        "/calling/callConnections/x:",
        "/calling/recordings/x:stop",
        "/identities/x/:fly",
        "/calling/../identities",
        "/calling/callConnections/x/participants/",
        "host:80",
        "/calling/callConnections:redirect\n",
    ],
)
def test_unknown_paths(path: str) -> None:
    with pytest.raises(PathUnknown):
        find_operation("POST", path)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "post", "", "BREW"])
def test_other_methods(method: str) -> None:
    with pytest.raises(MethodRefused) as caught:
        find_operation(method, "/calling/callConnections:redirect")
    assert caught.value.headers == (("Allow", "POST"),)


def test_all_methods_of_a_path_are_allowed() -> None:
    with pytest.raises(MethodRefused) as caught:
        find_operation("POST", "/calling/callConnections/x")
    assert caught.value.headers == (("Allow", "DELETE, GET"),)


def test_the_two_that_are_carried_out_answer_no_content() -> None:
    assert (REDIRECT_CALL.success, REJECT_CALL.success) == (204, 204)
