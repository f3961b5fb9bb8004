"""Checking and showing settings."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from strowger.cli import main
from strowger.settings import load

KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="
GOOD = f"""
[[resource]]
name = "dev"
id = "1b5cc06b-f352-4571-b1e6-d9b259b7c776"
hosts = ["localhost"]
keys = ["{KEY}"]
[[number]]
resource = "dev"
e164 = "+31201110001"
"""


@pytest.fixture
def good(tmp_path: Path) -> str:
    path = tmp_path / "good.toml"
    path.write_text(GOOD)
    return str(path)


@pytest.fixture
def bad(tmp_path: Path) -> str:
    path = tmp_path / "bad.toml"
    path.write_text('"a\\u001bb" = 1\n[[number]]\nresource = "dev"\ne164 = "12"\n')
    return str(path)


def invoke(*arguments: str):
    return CliRunner().invoke(main, ["config", *arguments])


def test_a_good_file(good: str) -> None:
    result = invoke("check", "--config", good)
    assert result.exit_code == 0
    expected = "can be used: 1 resource, 1 number, 0 users, 0 groups, 0 subscriptions, 0 trunks, 0 routes."
    assert result.output == f"{good} {expected}\n"
    assert json.loads(invoke("check", "-c", good, "--json").output) == {"ok": True, "problems": []}


def test_a_bad_file_names_every_problem(bad: str) -> None:
    result = invoke("check", "--config", bad)
    assert result.exit_code == 2
    first, *problems = result.stderr.splitlines()
    assert first == f"Error: {bad} cannot be used:"
    assert [problem.split(":")[0] for problem in problems] == ["$.a\\x1bb", "$.number[0].e164", "$.number[0].resource"]


def test_a_bad_file_in_json(bad: str) -> None:
    result = invoke("check", "--config", bad, "--json")
    assert result.exit_code == 2
    answer = json.loads(result.output)
    assert answer["ok"] is False
    assert answer["problems"][1]["path"] == "$.number[0].e164"


def test_settings_are_shown_as_they_could_be_written(good: str, tmp_path: Path) -> None:
    shown = invoke("show", "--config", good).output
    assert KEY not in shown
    document = tomllib.loads(shown)
    assert document["resource"][0]["keys"] == ["********"]
    written = tmp_path / "shown.toml"
    written.write_text(shown.replace("********", KEY))
    assert load(written, {}, {}) == load(Path(good), {}, {})


def test_filters_are_shown_as_they_could_be_written(good: str, tmp_path: Path) -> None:
    filtered = tmp_path / "filtered.toml"
    filtered.write_text(
        GOOD
        + """
        [[subscription]]
        resource = "dev"
        name = "app"
        endpoint = "https://app.example/"
        included_event_types = ["All"]
        [[subscription.advanced_filters]]
        operatorType = "stringIn"
        key = "Subject"
        values = ["a", 'b"é']
        [[subscription.advanced_filters]]
        operatorType = "NumberInRange"
        key = "data.a"
        values = [[1, 2.5]]
        [[subscription.advanced_filters]]
        operatorType = "IsNotNull"
        key = "id"
        """
    )
    shown = invoke("show", "--config", str(filtered)).output
    (row,) = tomllib.loads(shown)["subscription"]
    assert row["included_event_types"] == ["All"]
    assert row["advanced_filters"] == [
        {"operatorType": "StringIn", "key": "Subject", "values": ["a", 'b"é']},
        {"operatorType": "NumberInRange", "key": "data.a", "values": [[1, 2.5]]},
        {"operatorType": "IsNotNull", "key": "id"},
    ]
    written = tmp_path / "shown.toml"
    written.write_text(shown.replace("********", KEY))
    assert load(written, {}, {}).subscriptions == load(filtered, {}, {}).subscriptions
    as_json = json.loads(invoke("show", "--config", str(filtered), "--json").output)
    assert as_json["subscription"][0]["advanced_filters"] == row["advanced_filters"]


def test_signing_secrets_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "signed.toml"
    row = '[[subscription]]\nresource = "dev"\nname = "app"\nendpoint = "https://app.example/"\n'
    path.write_text(GOOD + row + f'signing_secrets = ["whsec_{"A" * 32}", "whsec_{"B" * 32}"]\n')
    for shown in (invoke("show", "--config", str(path)).output, invoke("show", "--config", str(path), "--json").output):
        assert "whsec" not in shown
        assert shown.count("********") >= 3
    assert "whsec" not in repr(load(path, {}, {}))


def test_a_password_is_not_shown_and_its_absence_is(tmp_path: Path) -> None:
    path = tmp_path / "users.toml"
    user = '[[user]]\nresource = "dev"\nname = "{name}"\nid = "8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_{name}"\n'
    path.write_text(GOOD + user.format(name="ann") + user.format(name="bob") + 'sip_password = "s3cret"\n')
    shown = invoke("show", "--config", str(path)).output
    assert "s3cret" not in shown
    assert [user["sip_password"] for user in tomllib.loads(shown)["user"]] == ["", "********"]


def test_settings_in_json(good: str) -> None:
    shown = json.loads(invoke("show", "--config", good, "--json").output)
    assert shown["listen"]["api"] == ["127.0.0.1:7443"]
    assert [(row["resource"], row["e164"]) for row in shown["number"]] == [("dev", "+31201110001")]


def test_without_a_file_they_are_those_of_the_development_server() -> None:
    shown = json.loads(invoke("show", "--json").output)
    assert [user["name"] for user in shown["user"]] == ["alice", "bob"]
