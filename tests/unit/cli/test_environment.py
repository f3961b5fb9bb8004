"""What programs under development are given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from strowger.cli import main
from strowger.cli.environment import CONNECTION_STRING_NAMES, TRUST_NAMES, dotenv, origin, variables
from strowger.cli.errors import Misconfigured
from strowger.cli.resource import keyed
from strowger.cli.target import settings_of


def invoke(*arguments: str, **environ: str):
    return CliRunner().invoke(main, arguments, env=environ)


def test_all_variables(tmp_path: Path) -> None:
    settings = settings_of(None, tmp_path)
    resource = keyed(settings, settings.resources[0], makes=True)
    values = variables(settings, resource, "http://localhost:8080/api/incomingCall")
    key = resource.keys[0]
    bundle = tmp_path / "tls" / "bundle.pem"
    assert values == {
        **dict.fromkeys(CONNECTION_STRING_NAMES, f"endpoint=https://localhost:7443/;accesskey={key}"),
        "STROWGER_NUMBER_1": "+31201110001",
        "STROWGER_NUMBER_2": "+31201110002",
        "STROWGER_USER_ALICE": settings.users[0].id,
        "STROWGER_USER_BOB": settings.users[1].id,
        "CALLBACK_URI": "http://localhost:8080",
        **dict.fromkeys(TRUST_NAMES, str(bundle)),
    }
    assert (tmp_path / "tls" / "ca.pem").read_bytes() in bundle.read_bytes()


def test_without_our_authority_trust_is_left_alone(tmp_path: Path) -> None:
    result = invoke("env", "--json", "--data-dir", str(tmp_path), STROWGER__TLS__MODE="off")
    assert not set(TRUST_NAMES) & set(json.loads(result.output))
    assert not (tmp_path / "tls").exists()


def test_names_of_users_become_names_of_variables(tmp_path: Path) -> None:
    users = '[{"resource":"dev","name":"é-2","id":"8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_x"}]'
    result = invoke("env", "--json", "--data-dir", str(tmp_path), STROWGER__USER=users)
    assert "STROWGER_USER___2" in json.loads(result.output)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("endpoint=https://localhost:7443/;accesskey=a+b/c==", "endpoint=https://localhost:7443/;accesskey=a+b/c=="),
        ("/home/a b/x", "'/home/a b/x'"),
        ("$HOME #1", "'$HOME #1'"),
        ("it's \"a\" \\", '"it\'s \\"a\\" \\\\"'),
    ],
)
def test_values_in_a_dotenv_file(value: str, written: str) -> None:
    assert dotenv(value) == written


def test_the_three_forms(tmp_path: Path) -> None:
    place = ("--data-dir", str(tmp_path))
    as_json = json.loads(invoke("env", *place, "--format", "json").output)
    lines = invoke("env", *place).output.splitlines()
    assert [line.partition("=")[0] for line in lines] == list(as_json)
    shell = invoke("env", *place, "--format", "shell").output
    program = f"{shell}\nprintf %s \"$CONNECTION_STRING\""
    done = subprocess.run(["/bin/sh", "-c", program], capture_output=True, text=True, check=True, timeout=10)
    assert done.stdout == as_json["CONNECTION_STRING"]


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x/", "http://"])
def test_an_application_that_is_no_url(url: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="must be an http or https URL"):
        origin(url)
    assert invoke("env", "--app", url, "--data-dir", str(tmp_path)).exit_code == 2


def test_the_connection_string(tmp_path: Path) -> None:
    place = ("--data-dir", str(tmp_path))
    text = invoke("connection-string", *place).output.strip()
    settings = settings_of(None, tmp_path)
    primary, secondary = keyed(settings, settings.resources[0], makes=False).keys
    assert text == f"endpoint=https://localhost:7443/;accesskey={primary}"
    assert secondary in invoke("connection-string", *place, "--key", "secondary").output
    answer = json.loads(invoke("connection-string", *place, "--json", "--resource", "dev").output)
    assert answer == {"resource": "dev", "connection_string": text}
    result = invoke("connection-string", *place, "--resource", "prod")
    assert (result.exit_code, result.stderr) == (2, "Error: There is no resource 'prod'; there are dev.\n")


def test_a_key_that_the_settings_do_not_give(tmp_path: Path) -> None:
    arguments = ("connection-string", "--data-dir", str(tmp_path), "--key", "secondary")
    result = invoke(*arguments, STROWGER__RESOURCE__0__KEYS="MDEyMzQ1Njc4OWFiY2RlZg==")
    assert (result.exit_code, result.stderr) == (2, "Error: The settings give the resource 'dev' no secondary key.\n")


def test_a_server_that_never_ran_has_no_keys_yet(tmp_path: Path) -> None:
    config = tmp_path / "strowger.toml"
    config.write_text(
        f'[server]\ndata_dir = "{tmp_path / "data"}"\n[[resource]]\nname = "r"\nid = "1"\nhosts = ["x.test"]\n'
    )
    for command in (("connection-string",), ("env",)):
        result = invoke(*command, "--config", str(config))
        assert (result.exit_code, "there are no access keys in" in result.stderr) == (1, True)
    assert not (tmp_path / "data").exists()


def test_run_becomes_the_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[tuple] = []
    monkeypatch.setattr(os, "execvpe", lambda *call: started.append(call))
    monkeypatch.setenv("KEPT", "yes")
    result = invoke("run", "--data-dir", str(tmp_path), "--", "npm", "start", "--port", "1")
    assert result.exit_code == 0, result.output
    ((file, command, environ),) = started
    assert (file, command) == ("npm", ("npm", "start", "--port", "1"))
    assert environ["KEPT"] == "yes"
    assert environ["CONNECTION_STRING"].startswith("endpoint=https://localhost:7443/;accesskey=")


@pytest.mark.parametrize(("error", "code"), [(FileNotFoundError(2, "Nowhere"), 127), (PermissionError(13, "No"), 126)])
def test_a_program_that_cannot_be_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: OSError, code: int
) -> None:
    def refuse(*call: object) -> None:
        raise error

    monkeypatch.setattr(os, "execvpe", refuse)
    result = invoke("run", "--data-dir", str(tmp_path), "nothing")
    assert (result.exit_code, result.stderr) == (code, f"Error: nothing cannot be started: {error.strerror}\n")


def test_run_needs_a_program() -> None:
    assert invoke("run").exit_code == 2


@pytest.mark.slow
def test_the_exit_code_of_the_program_is_passed_on(tmp_path: Path) -> None:
    script = 'test -n "$CONNECTION_STRING" && exit 7'
    command = [sys.executable, "-m", "strowger", "run", "--data-dir", str(tmp_path), "--", "sh", "-c", script]
    assert subprocess.run(command, check=False, timeout=30).returncode == 7
