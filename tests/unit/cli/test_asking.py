"""Which server is asked, and how."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner

from strowger.cli import main
from strowger.cli.asking import admin_of, print_json
from strowger.cli.errors import Failed, Misconfigured
from tests.support.console import TOKEN, Bench, a_redirected_call


def test_a_server_elsewhere_needs_its_token(token_file: Path) -> None:
    result = CliRunner().invoke(main, ["call", "list", "--console", "http://pbx.test:7080"])
    assert (result.exit_code, "needs --token-file" in result.output) == (2, True)
    with pytest.raises(Misconfigured, match="needs --token-file"):
        admin_of("http://pbx.test:7080", None, None, None)
    admin, names = admin_of("http://pbx.test:7080/", token_file, None, None)
    assert (admin.url, names) == ("http://pbx.test:7080", {})


def test_the_server_of_settings_knows_its_users(token_file: Path) -> None:
    admin, names = admin_of(None, token_file, None, None)
    assert admin.url == "http://127.0.0.1:7080"
    assert sorted(names.values()) == ["alice", "bob"]
    with pytest.raises(Failed, match="There is no admin token in"):
        admin_of(None, None, None, None)


@pytest.mark.asyncio
async def test_the_server_of_a_data_directory(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "admin.token").write_text(TOKEN)
    bench.queries.known = [a_redirected_call()]
    console = {"STROWGER__LISTEN__CONSOLE": f"127.0.0.1:{bench.port}"}
    command = ["call", "list", "--data-dir", str(tmp_path)]
    result = await asyncio.to_thread(CliRunner().invoke, main, command, env=console)
    assert result.output.startswith("7f3a0000")


def test_json_for_people_and_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1]})
    assert capsys.readouterr().out == '{\n  "a": [\n    1\n  ]\n}\n'
    print_json({"a": [1]}, indent=0)
    assert capsys.readouterr().out == '{"a":[1]}\n'


def test_json_repaints_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"displayName": "\x9b2J\u202eé\U000e0041\x7f"}, indent=0)
    assert capsys.readouterr().out == '{"displayName":"\\u009b2J\\u202eé\\udb40\\udc41\\u007f"}\n'
