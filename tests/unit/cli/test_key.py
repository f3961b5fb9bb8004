"""`strowger key`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from strowger.access_keys.pair import fingerprint
from strowger.cli import main
from strowger.cli.key import line
from strowger.cli.resource import directory_of
from strowger.cli.target import settings_of
from strowger.settings.dev import RESOURCE_ID

KEY = "MDEyMzQ1Njc4OWFiY2RlZg=="


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["key", *arguments])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Two resources without keys, and one with a key in the settings."""
    path = tmp_path / "strowger.toml"
    resources = "".join(
        f'[[resource]]\nname = "{name}"\nid = "id-{name}"\nhosts = ["{name}.test"]\n{keys}\n'
        for name, keys in (("one", ""), ("two", ""), ("three", f'keys = ["{KEY}"]'))
    )
    path.write_text(f'[server]\ndata_dir = "{tmp_path / "data"}"\n{resources}')
    directory = directory_of(settings_of(path, None))
    directory.made("id-one")
    directory.made("id-two")
    return path


def test_a_list_shows_no_key_unless_asked_to(tmp_path: Path) -> None:
    place = ("--data-dir", str(tmp_path))
    rows = json.loads(invoke("list", *place, "--json").stdout)
    pair = directory_of(settings_of(None, tmp_path)).read(RESOURCE_ID)
    assert [(row["resource"], row["key"], row["fingerprint"]) for row in rows] == [
        ("dev", "primary", pair.primary.fingerprint),
        ("dev", "secondary", pair.secondary.fingerprint),
    ]
    assert all(row["made_at"].endswith("Z") and "value" not in row for row in rows)
    shown = json.loads(invoke("list", *place, "--json", "--show").stdout)
    assert tuple(row["value"] for row in shown) == pair.keys
    text = invoke("list", *place).stdout
    assert text.splitlines()[0].startswith(f"dev  primary  {pair.primary.fingerprint}  ")
    assert not any(key in text for key in pair.keys)


def test_one_line() -> None:
    row = {"resource": "dev", "key": "primary", "fingerprint": "ab", "made_at": "1970-01-01T00:01:00.000Z"}
    assert line(row, 3_720.0) == "dev  primary  ab  1 h 1 min old"
    assert line({**row, "made_at": None, "value": "x=="}, 0.0) == "dev  primary  ab  from the settings  x=="


def test_keys_of_the_settings_have_no_age(config: Path) -> None:
    (row,) = json.loads(invoke("list", "--json", "-c", str(config), "--resource", "three").stdout)
    assert row == {"resource": "three", "key": "primary", "fingerprint": fingerprint(KEY), "made_at": None}
    everything = json.loads(invoke("list", "--json", "-c", str(config)).stdout)
    assert [row["resource"] for row in everything] == ["one", "one", "two", "two", "three"]


def test_rotating(config: Path) -> None:
    directory = directory_of(settings_of(config, None))
    before, other = directory.read("id-one"), directory.read("id-two")
    result = invoke("rotate", "-c", str(config), "--resource", "one")
    after = directory.read("id-one")
    assert result.exit_code == 0, result.output
    assert after.primary == before.primary
    assert after.secondary.key != before.secondary.key
    assert directory.read("id-two") == other
    assert result.stdout.startswith(f"The secondary key of one is new: {after.secondary.fingerprint}.")
    assert after.secondary.key not in result.stdout
    answer = json.loads(invoke("rotate", "-c", str(config), "--resource", "one", "--key", "primary", "--json").stdout)
    last = directory.read("id-one")
    assert answer == {"resource": "one", "key": "primary", "fingerprint": last.primary.fingerprint}
    assert (last.secondary, last.primary == before.primary) == (after.secondary, False)


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ([], 2, "several resources; say which one by --resource: one, two, three"),
        (["--resource", "four"], 2, "no resource 'four'"),
        (["--resource", "three"], 2, "are written in the settings"),
        (["--resource", "one", "--key", "third"], 2, "'third' is not one of"),
    ],
)
def test_what_cannot_be_rotated(config: Path, arguments: list[str], code: int, why: str) -> None:
    result = invoke("rotate", "-c", str(config), *arguments)
    assert (result.exit_code, why in result.stderr) == (code, True), result.stderr


def test_a_server_that_never_ran_has_nothing_to_rotate(tmp_path: Path, config: Path) -> None:
    path = tmp_path / "data/keys/id-one.json"
    path.unlink()
    for command in ("rotate", "list"):
        result = invoke(command, "-c", str(config), "--resource", "one")
        assert (result.exit_code, f"there are no access keys in {path}" in result.stderr) == (1, True)


def test_a_file_that_others_can_read_is_told(tmp_path: Path, config: Path) -> None:
    path = tmp_path / "data/keys/id-one.json"
    path.chmod(0o644)
    result = invoke("rotate", "-c", str(config), "--resource", "one")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The secondary key of 'one' is as it was: ")
    assert f"chmod 600 {path}" in result.stderr
