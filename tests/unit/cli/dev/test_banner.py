"""What is said at the start."""

from __future__ import annotations

from pathlib import Path

from strowger import __version__
from strowger.cli.dev.banner import banner, short
from strowger.cli.dev.directory import DevDirectory, DevStart
from strowger.cli.target import data_directory

SIP = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]


def test_a_first_start(tmp_path: Path) -> None:
    settings = DevDirectory(data_directory(None)).settings(DevStart(), {})
    text = banner(settings, SIP, "http://127.0.0.1:7080", "endpoint=https://localhost:7443/;accesskey=abc=")
    assert text.splitlines() == [
        f"  Strowger {__version__}   data ~/.local/share/strowger/dev   "
        "(Ctrl-C stops, --memory forgets, --reset starts clean)",
        '  API      https://localhost:7443        TLS by "Strowger dev CA": strowger run makes programs trust it',
        "  Console  http://127.0.0.1:7080        admin API, token in ~/.local/share/strowger/dev",
        "  SIP      udp:127.0.0.1:5060  tcp:127.0.0.1:5060",
        "  Numbers  +31201110001 +31201110002",
        "  Users    alice (no phone: --phone alice=sip:…)  bob (no phone: --phone bob=sip:…)",
        "  App      none: calls to numbers get 480 until you start with --app URL",
        '  CONNECTION_STRING="endpoint=https://localhost:7443/;accesskey=abc="',
        "  Ready.   Next:  strowger run -- npm start",
        "                  strowger simulate call --from +31612345678 --to +31201110001",
    ]


def test_another_directory_an_application_and_a_phone(tmp_path: Path) -> None:
    start = DevStart("http://localhost:8080/x", {"bob": ["sip:bob@127.0.0.1:5071"]})
    settings = DevDirectory(tmp_path / "d").settings(start, {"STROWGER__TLS__MODE": "off"})
    lines = banner(settings, SIP, "http://127.0.0.1:7080", "").splitlines()
    assert lines[1] == "  API      https://localhost:7443"
    assert lines[5].endswith("bob (sip:bob@127.0.0.1:5071)")
    assert lines[6] == "  App      http://localhost:8080/x   (asking for its consent: see below)"
    assert lines[8].endswith(f"strowger run --data-dir {tmp_path / 'd'} -- npm start")


def test_a_path_is_shortened_below_home_only(tmp_path: Path) -> None:
    assert short(tmp_path / "home" / "x") == "~/x"
    assert short(Path("/var/lib/strowger")) == "/var/lib/strowger"
