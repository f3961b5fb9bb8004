"""Hashes of passwords, to be pasted into settings."""

from __future__ import annotations

import io
import json
import sys
import tomllib

import pytest
from click.testing import CliRunner, Result

from strowger.cli import main
from strowger.cli.user import REALM
from strowger.settings import Sip

# RFC 7616 §3.9.1
MUFASA = ["Mufasa", "--realm", "http-auth@example.org"]
SHA_256 = "SHA-256:7987c64c30e25f1b74be53f966b49b90f2808aa92faf9a00262392d7b4794232"
MD5 = "MD5:3d78807defe7de2157e2b0b6573a855f"


def invoke(*arguments: str, password: str = "Circle of Life\n") -> Result:
    return CliRunner().invoke(main, ["user", "ha1", *arguments], input=password)


def test_the_lines_to_paste() -> None:
    assert tomllib.loads(invoke(*MUFASA).output) == {"name": "Mufasa", "sip_ha1": [SHA_256]}
    assert tomllib.loads(invoke(*MUFASA, "--md5").output) == {"name": "Mufasa", "sip_ha1": [SHA_256, MD5]}


def test_the_same_in_json() -> None:
    said = json.loads(invoke(*MUFASA, "--md5", "--json").output)
    assert said == {"name": "Mufasa", "realm": "http-auth@example.org", "sip_ha1": [SHA_256, MD5]}


def test_the_realm_is_that_of_the_settings() -> None:
    assert Sip().realm == REALM
    assert invoke("bob").output == invoke("bob", "--realm", REALM).output


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\nmore\n"])
def test_the_first_line_is_the_password(ending: str) -> None:
    assert SHA_256 in invoke(*MUFASA, password=f"Circle of Life{ending}").output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_person_is_asked_twice_and_sees_nothing(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    asked = iter(["Circle of Life", "Circle of Life"])
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda prompt: next(asked))
    main(["user", "ha1", *MUFASA], standalone_mode=False)
    shown = capsys.readouterr()
    assert SHA_256 in shown.out
    assert "Circle" not in shown.out + shown.err
    assert list(asked) == []


@pytest.mark.parametrize(
    ("arguments", "password", "message"),
    [
        (["bob"], "", "there is no password"),
        (["bob"], "\n", "there is no password"),
        (["", "--realm", "x"], "secret\n", "there is no such account"),
        (["bob", "--realm", "zürich"], "secret\n", "there is no such account"),
    ],
)
def test_what_cannot_be_an_account(arguments: list[str], password: str, message: str) -> None:
    result = invoke(*arguments, password=password)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "secret" not in result.stderr
