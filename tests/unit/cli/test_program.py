"""The command as a whole."""

from __future__ import annotations

import errno
import subprocess
import sys
from io import StringIO
from pathlib import Path
from unittest.mock import Mock

import click
import pytest
from click.testing import CliRunner

from strowger import __version__
from strowger.cli import main

HEAVY = ("aiohttp", "cryptography", "msgspec", "prometheus_client", "structlog", "uvloop", "strowger.server")


def commands(group: click.Group, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        found.append((*above, name))
        if isinstance(command, click.Group):
            found += commands(command, (*above, name))
    return found


def command_at(path: tuple[str, ...]) -> click.Command:
    found: click.Command = main
    for name in path:
        assert isinstance(found, click.Group)
        found = found.commands[name]
    return found


@pytest.mark.parametrize("path", [(), *commands(main)], ids=" ".join)
def test_help_is_whole_and_says_what_each_option_takes(path: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(main, [*path, "--help"], terminal_width=80).output
    listed = shown.partition("Commands:")[2].splitlines()
    assert [line for line in listed if line.endswith("...")] == []  # a list of commands has one line for each
    options = [each for each in command_at(path).params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []
    assert [word for word in ("INTEGER", "TEXT", "FLOAT", "PATH") if f" {word} " in shown] == []


def test_all_commands() -> None:
    assert {" ".join(path) for path in commands(main)} == {
        "call",
        "call list",
        "call show",
        "call watch",
        "call why",
        "config",
        "config check",
        "config show",
        "connection-string",
        "dead-letter",
        "dead-letter edit",
        "dead-letter list",
        "dead-letter remove",
        "dead-letter resend",
        "dead-letter show",
        "dev",
        "env",
        "key",
        "events",
        "events follow",
        "key list",
        "key rotate",
        "registration",
        "registration list",
        "route",
        "route test",
        "run",
        "serve",
        "simulate",
        "subscription",
        "subscription add",
        "subscription list",
        "subscription pause",
        "subscription remove",
        "subscription resume",
        "subscription secret",
        "subscription show",
        "subscription test",
        "subscription update",
        "subscription validate",
        "token",
        "token entra",
        "token teams",
        "simulate call",
        "trunk",
        "trunk list",
        "user",
        "user ha1",
    }


@pytest.mark.parametrize("path", [(), *commands(main)], ids=" ".join)
def test_every_command_explains_itself(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage: ")


def test_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"Strowger {__version__}\n"


def test_an_unknown_command_is_wrong_usage() -> None:
    assert CliRunner().invoke(main, ["dance"]).exit_code == 2


@pytest.mark.parametrize("path", ["--help", "call --help", "connection-string"])
def test_a_full_disk_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with Path("/dev/full").open("w") as full, monkeypatch.context() as now, pytest.raises(SystemExit) as end:
        said = StringIO()
        now.setattr(sys, "stdout", full)
        now.setattr(sys, "stderr", said)
        main(path.split())
    assert end.value.code == 1
    assert said.getvalue() == "Error: The output cannot be written: No space left on device.\n"


def test_what_else_fails_is_not_taken_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (OSError(errno.ENOSPC, "full", "a file"), OSError(errno.ENOENT, "gone")):
        monkeypatch.setattr(main, "invoke", Mock(side_effect=error))
        with pytest.raises(OSError, match=error.strerror):
            main(["trunk", "list"])


@pytest.mark.slow
def test_help_does_not_wait_for_what_is_heavy() -> None:
    program = f"import sys, strowger.cli; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "[]\n"
