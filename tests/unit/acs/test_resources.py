from __future__ import annotations

import pytest

from strowger.acs.auth import Resource
from strowger.acs.message import Headers, Request
from strowger.acs.resources import HostedResources

DEV = Resource("dev", ("127.0.0.1", "Calls.Example:7443"), ())
TWIN = Resource("twin", ("127.0.0.1",), ())


def request(host: str | None, forwarded: str = "") -> Request:
    fields = [("Host", host)] if host is not None else []
    return Request("POST", "/", Headers([*fields, *([("X-Forwarded-Host", forwarded)] if forwarded else [])]))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", (DEV, TWIN)),
        ("127.0.0.1:8080", (DEV, TWIN)),
        ("127.0.0.1/", (DEV, TWIN)),
        ("calls.example:7443", (DEV,)),
        ("CALLS.example:7443/", (DEV,)),
        ("calls.example:1", None),
        ("elsewhere", None),
        ("", None),
        (None, None),
    ],
)
def test_resources_by_host(host: str | None, expected: tuple[Resource, ...] | None) -> None:
    assert HostedResources([DEV, TWIN]).of(request(host)) == expected


def test_what_a_proxy_saw_counts_only_when_it_is_ours() -> None:
    asked = request("10.0.0.7", "calls.example:7443")
    ours, strange = HostedResources([DEV], trusts_forwarded_host=True), HostedResources([DEV])
    assert (ours.of(asked), ours.forwarded(asked)) == ((DEV,), "calls.example:7443")
    assert (strange.of(asked), strange.forwarded(asked)) == (None, None)
