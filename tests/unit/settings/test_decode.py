"""Documents turned into settings by strowger.settings.decode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from strowger.settings import Settings
from strowger.settings.decode import Decoder
from strowger.settings.where import Where


def decoded(document: dict[str, Any]) -> tuple[Settings, list[str]]:
    decoder = Decoder(Where({}, Path("/etc/strowger")))
    settings = decoder.settings(document)
    return settings, [str(each) for each in decoder.problems]


def test_an_empty_document_gives_the_defaults() -> None:
    assert decoded({}) == (Settings(), [])


def test_a_row_is_read_by_its_kind() -> None:
    settings, problems = decoded(
        {
            "limits": {"hold": "5s", "request_body": "1MiB"},
            "trunk": [{"name": "a", "uri": "sip:a", "from": ["192.0.2.7"]}],
            "tls": {"cert": "a.pem"},
        }
    )
    assert problems == []
    assert (settings.limits.hold, settings.limits.request_body, settings.limits.ring) == (5.0, 1_048_576, 60.0)
    assert settings.trunks[0].from_ == ("192.0.2.7/32",)
    assert settings.tls.cert == Path("/etc/strowger/a.pem")


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"limit": {}}, "$.limit: there is no such section (perhaps limits)"),
        ({"limits": {"hodl": 1}}, "$.limits.hodl: there is no such setting (perhaps hold)"),
        (
            {"tls": {"colour": 1}},
            "$.tls.colour: there is no such setting (there are cert, key, mode)",
        ),
        ({"limits": 3}, "$.limits: this is not a table (write it as a [section] of the file)"),
        ({"number": 3}, "$.number: several of these are allowed (write [[number]], with two brackets)"),
        ({"number": [3]}, "$.number[0]: this is not a table (write it as a [section] of the file)"),
        (
            {"number": [{"resource": "dev"}]},
            '$.number[0].e164: this is required ("+" and up to 15 digits)',
        ),
        (
            {"number": [{"resource": "dev", "e164": "112"}]},
            "$.number[0].e164: '112' is not an E.164 number (\"+\" and up to 15 digits)",
        ),
        (
            {"compat": {"reject_none_status": 399}},
            "$.compat.reject_none_status: expected `int` >= 400 (a whole number from 400 to 699)",
        ),
        (
            {"sip": {"record_route": True}},
            '$.sip.record_route: expected `str`, got `bool` ("off" or "outside" or "on")',
        ),
        (
            {"listen": {"api": ["a:1", "b"]}},
            "$.listen.api[1]: 'b' does not end in a port ([\"host:port\", …]; port 0 takes a free one)",
        ),
    ],
)
def test_one_slip_is_one_problem(document: dict[str, Any], problem: str) -> None:
    assert decoded(document)[1] == [problem]


def test_all_problems_are_found() -> None:
    _, problems = decoded(
        {
            "tls": {"mode": "maybe"},
            "colour": "blue",
            "user": [
                {"name": "a"},
                {"resource": "dev", "name": "b", "id": "8:acs:1_2", "contacts": ["b", "sip:b", "c"]},
            ],
            "limits": {"hold": "soon", "ring": -1},
        }
    )
    assert [each.partition(": ")[0] for each in problems] == [
        "$.colour",
        "$.tls.mode",
        "$.user[0].resource",
        "$.user[0].id",
        "$.user[1].contacts[0]",
        "$.user[1].contacts[2]",
        "$.limits.hold",
        "$.limits.ring",
    ]


def test_what_was_refused_is_blank_and_the_rest_is_kept() -> None:
    settings, _ = decoded({"number": [{"resource": "dev", "e164": "112"}], "limits": 3})
    assert (settings.numbers[0].resource, settings.numbers[0].e164) == ("dev", "")
