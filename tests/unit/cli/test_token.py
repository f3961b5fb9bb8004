"""Tokens for development, made without a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strowger.acs.authenticators.bearer import read_token
from strowger.acs.authenticators.key_set import read_key_set
from strowger.base.clock import SystemClock
from strowger.cli import main
from strowger.dev_issuer import dev_key, published
from strowger.settings.dev import APPLICATION_ID, ISSUER, TENANT_ID


def invoke(*arguments: str, kind: str = "entra") -> Result:
    return CliRunner().invoke(main, ["token", kind, *arguments])


def test_a_token_for_the_development_server(tmp_path: Path) -> None:
    result = invoke("--data-dir", str(tmp_path))
    assert result.exit_code == 0
    token = read_token(result.output.rstrip("\n"))
    read_key_set(published(dev_key(tmp_path)))[token.key_id].check(token)
    claims = token.claims
    assert (claims["iss"], claims["appid"], claims["aud"]) == (ISSUER, APPLICATION_ID, "https://communication.azure.com")
    assert claims["exp"] - claims["iat"] == 3_600
    assert abs(claims["iat"] - SystemClock().wall()) < 60


def test_the_same_in_json(tmp_path: Path) -> None:
    said = json.loads(invoke("--data-dir", str(tmp_path), "--minutes", "5", "--resource", "dev", "--json").output)
    claims = read_token(said["token"]).claims
    assert (said["resource"], said["expires_on"]) == ("dev", claims["exp"])
    assert claims["exp"] - claims["iat"] == 300


CONFIG = """
[server]
data_dir = "{directory}"
[[resource]]
name = "main"
id = "1b5c"
hosts = ["localhost"]
[[entra]]
resource = "main"
issuer = "https://issuer.example"
jwks_url = "{url}"
audiences = "api://calls"
allowed = ["app"]
"""


def test_an_issuer_of_a_settings_file(tmp_path: Path) -> None:
    config = tmp_path / "strowger.toml"
    config.write_text(CONFIG.format(directory=tmp_path, url="dev"))
    claims = read_token(invoke("--config", str(config)).output.rstrip("\n")).claims
    assert (claims["iss"], claims["aud"], claims["appid"]) == ("https://issuer.example", "api://calls", "app")
    config.write_text(CONFIG.format(directory=tmp_path, url="https://issuer.example/keys"))
    result = invoke("--config", str(config))
    assert (result.exit_code, 'no [[entra]] has jwks_url = "dev"' in result.output) == (2, True)


def test_a_token_of_a_teams_user(tmp_path: Path) -> None:
    said = json.loads(invoke("--data-dir", str(tmp_path), "--user", "u-1", "--json", kind="teams").output)
    token = read_token(said["token"])
    read_key_set(published(dev_key(tmp_path)))[token.key_id].check(token)
    claims = token.claims
    assert (claims["oid"], claims["appid"], claims["tid"]) == ("u-1", said["app"], TENANT_ID)
    assert (claims["aud"], claims["iss"]) == ("https://auth.msft.communication.azure.com", ISSUER)
    assert claims["scp"] == "Teams.ManageCalls Teams.ManageChats"
    assert claims["exp"] == said["expires_on"] == claims["iat"] + 3_600
    plain = invoke("--data-dir", str(tmp_path), "--user", "u-1", "--app", "a-1", kind="teams").output.rstrip("\n")
    assert read_token(plain).claims["appid"] == "a-1"


def test_a_teams_user_needs_a_tenant(tmp_path: Path) -> None:
    config = tmp_path / "strowger.toml"
    config.write_text(CONFIG.format(directory=tmp_path, url="dev"))
    result = invoke("--config", str(config), "--user", "u-1", kind="teams")
    assert (result.exit_code, "tenant" in result.output) == (2, True)


@pytest.mark.parametrize("arguments", [("--minutes", "0"), ("--minutes", "1441"), ("--resource", "none")])
def test_what_there_is_no_token_for(tmp_path: Path, arguments: tuple[str, str]) -> None:
    assert invoke("--data-dir", str(tmp_path), *arguments).exit_code == 2


def test_a_damaged_key_is_told(tmp_path: Path) -> None:
    (tmp_path / "entra.key").write_text("x")
    result = invoke("--data-dir", str(tmp_path))
    assert (result.exit_code, "does not hold a key" in result.output) == (1, True)
