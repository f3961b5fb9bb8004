"""Settings read from files, the environment and flags by strowger.settings.load."""

from __future__ import annotations

from pathlib import Path

import pytest

from strowger.settings import Settings, SettingsError, load

KEY = "c3Ryb3dnZXItc2VjcmV0LWtleQ=="

FULL = """
[server]
data_dir = "state"
public_url = "https://acs.example.test"
node = "a"

[listen]
api = ["0.0.0.0:443", "[::]:443"]
console = []
metrics = []
sip = ["udp:0.0.0.0:5060"]

[tls]
cert = "tls/cert.pem"
key = "/etc/key.pem"

[[resource]]
name = "dev"
id = "1b5cc06b-f352-4571-b1e6-d9b259b7c776"
hosts = ["ACS.example.test", "localhost:7443"]
keys = ["env:ACS_KEY", "file:second.key"]

[[number]]
resource = "dev"
e164 = "+31201110001"

[[user]]
resource = "dev"
name = "bob"
id = "8:acs:1b5cc06b-f352-4571-b1e6-d9b259b7c776_2"
contacts = ["sip:bob@127.0.0.1:5070"]

[[subscription]]
resource = "dev"
name = "app"
endpoint = "https://app.example/api/incomingCall"
profile = "event-grid"

[[trunk]]
name = "carrier"
uri = "sip:sbc.example;transport=tcp"
from = ["192.0.2.0/24"]

[[route]]
kind = "phoneNumber"
match = "+31*"
to = "carrier"

[limits]
hold = "20s"
request_body = 1024

[compat]
repeatability = "acs-strict"
reject_none_status = 486

[sip]
record_route = "on"
t1 = 0.25
"""


def written(directory: Path, text: str) -> Path:
    path = directory / "strowger.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(
    path: Path | None, environ: dict[str, str] | None = None, overrides: dict[str, object] | None = None
) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(path, environ or {}, overrides or {})
    return [str(each) for each in caught.value.problems]


def test_nothing_written_gives_the_defaults() -> None:
    assert load(None, {}, {}) == Settings()


def test_a_password_may_be_kept_elsewhere(tmp_path: Path) -> None:
    resource = f'[[resource]]\nname = "one"\nid = "r1"\nhosts = ["h"]\nkeys = ["{KEY}"]\n'
    user = '[[user]]\nresource = "one"\nname = "bob"\nid = "8:acs:r1_b"\nsip_password = "env:BOB"\n'
    path = written(tmp_path, resource + user)
    assert load(path, {"BOB": "s3cret"}, {}).users[0].sip_password == "s3cret"
    assert [each.partition(":")[0] for each in problems(path)] == ["$.user[0].sip_password"]


def test_a_whole_file(tmp_path: Path) -> None:
    (tmp_path / "second.key").write_text(KEY)
    settings = load(written(tmp_path, FULL), {"ACS_KEY": KEY}, {})
    assert settings.server.data_dir == tmp_path / "state"
    assert (settings.server.public_url, settings.server.node) == ("https://acs.example.test", "a")
    assert [str(each) for each in settings.listen.api] == ["0.0.0.0:443", "[::]:443"]
    assert [str(each) for each in settings.listen.sip] == ["udp:0.0.0.0:5060"]
    assert (settings.listen.console, settings.listen.metrics) == ((), ())
    assert settings.tls.mode == "files"
    assert (settings.tls.cert, settings.tls.key) == (tmp_path / "tls/cert.pem", Path("/etc/key.pem"))
    resource = settings.resources[0]
    assert resource.hosts == ("acs.example.test", "localhost:7443")
    assert (resource.keys, resource.key_octets) == ((KEY, KEY), (b"strowger-secret-key",) * 2)
    assert settings.numbers[0].e164 == "+31201110001"
    assert settings.users[0].contacts == ("sip:bob@127.0.0.1:5070",)
    assert settings.subscriptions[0].profile == "event-grid"
    assert settings.trunks[0].from_ == ("192.0.2.0/24",)
    assert (settings.routes[0].kind, settings.routes[0].match, settings.routes[0].to) == (
        "phoneNumber",
        "+31*",
        ("carrier",),
    )
    assert (settings.limits.hold, settings.limits.request_body) == (20.0, 1_024)
    assert (settings.compat.repeatability, settings.compat.reject_none_status) == ("acs-strict", 486)
    assert (settings.sip.record_route, settings.sip.t1) == ("on", 0.25)


def test_a_flag_wins_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, '[limits]\nhold = "1s"\nring = "1s"\nring_budget = "1s"\n')
    environ = {"STROWGER__LIMITS__RING": "2s", "STROWGER__LIMITS__RING_BUDGET": "2s"}
    limits = load(path, environ, {"limits": {"ring_budget": "3s"}}).limits
    assert (limits.hold, limits.ring, limits.ring_budget) == (1.0, 2.0, 3.0)


def test_what_was_handed_in_is_not_changed() -> None:
    overrides = {"tls": {"cert": "/a", "key": "/b"}}
    assert load(None, {}, overrides).tls.mode == "files"
    assert overrides == {"tls": {"cert": "/a", "key": "/b"}}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert problems(tmp_path / "none.toml") == [
        f"$: {tmp_path}/none.toml cannot be read: No such file or directory "
        "(name a file that exists and that you may read)"
    ]


@pytest.mark.parametrize("text", ["[limits", "hold = 30s"])
def test_a_file_that_is_not_toml(tmp_path: Path, text: str) -> None:
    assert "is not TOML" in problems(written(tmp_path, text))[0]


def test_a_file_that_is_not_even_text(tmp_path: Path) -> None:
    path = tmp_path / "strowger.toml"
    path.write_bytes(b"\xff\xfe")
    assert "is not TOML" in problems(path)[0]


def test_every_problem_of_every_source_is_told(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"""
        [[resource]]
        name = "dev"
        id = "1"
        hosts = ["https://localhost"]
        keys = ["env:NOWHERE"]
        [[resource]]
        name = "dev"
        id = "2"
        hosts = ["localhost"]
        keys = ["{KEY}"]
        [[number]]
        resource = "def"
        e164 = "+1"
        """,
    )
    environ = {"STROWGER__LIMITS__HOLD": "soon", "STROWGER__LIMIT__HOLD": "1s"}
    assert [each.partition(" (")[0] for each in problems(path, environ, {"sip": {"t1": 9}})] == [
        "$.limit.hold: there is no such section, in STROWGER__LIMIT__HOLD",
        "$.resource[0].hosts[0]: 'https://localhost' is not a host name",
        "$.resource[0].keys: the environment variable NOWHERE is not set",
        "$.limits.hold: 'soon' is not a duration, in STROWGER__LIMITS__HOLD",
        '$.resource[1].name: "dev" is already at $.resource[0].name',
        '$.number[0].resource: there is no resource called "def"',
        "$.sip.t1: this is longer than T2, four seconds",
    ]


def test_a_mode_that_was_chosen_stays(tmp_path: Path) -> None:
    assert problems(written(tmp_path, '[tls]\nmode = "off"\ncert = "a"\n')) == [
        '$.tls.mode: "off" would ignore cert (leave mode out, or write "files")'
    ]
