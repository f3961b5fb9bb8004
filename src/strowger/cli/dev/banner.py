"""What `strowger dev` says when it is ready: where everything is, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from strowger import __version__
from strowger.base.text import printable
from strowger.cli.target import DEV_DIRECTORY, data_directory
from strowger.settings import Settings


def banner(settings: Settings, sip: Sequence[str], console: str, connection_string: str) -> str:
    """All of it; `sip` are the real SIP addresses, `console` the URL of the console."""
    server = settings.server
    extra = "" if server.data_dir == data_directory(None) else f" --data-dir {server.data_dir}"
    number = settings.numbers[0].e164 if settings.numbers else "+31201110001"
    rows = [
        ("API", f"{server.public_url}{_trust(settings)}"),
        ("Console", f"{console}        admin API, token in {short(server.data_dir)}"),
        ("SIP", "  ".join(sip)),
        ("Numbers", " ".join(each.e164 for each in settings.numbers)),
        ("Users", "  ".join(_user(each.name, each.contacts) for each in settings.users)),
        ("App", _app(settings)),
    ]
    return "\n".join(
        [
            f"  Strowger {__version__}   data {short(server.data_dir)}   "
            "(Ctrl-C stops, --memory forgets, --reset starts clean)",
            *(f"  {name:8} {text}" for name, text in rows),
            f'  CONNECTION_STRING="{connection_string}"',
            f"  Ready.   Next:  strowger run{extra} -- npm start",
            f"                  strowger simulate call{extra} --from +31612345678 --to {number}",
        ]
    )


def short(path: Path) -> str:
    """The path with ~ for the home directory."""
    home = Path(DEV_DIRECTORY).expanduser().parents[3]
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _trust(settings: Settings) -> str:
    if settings.tls.mode != "dev-ca":
        return ""
    return '        TLS by "Strowger dev CA": strowger run makes programs trust it'


def _user(name: str, contacts: Sequence[str]) -> str:
    if not contacts:
        return f"{printable(name)} (no phone: --phone {printable(name)}=sip:…)"
    return f"{printable(name)} ({printable(', '.join(contacts))})"


def _app(settings: Settings) -> str:
    endpoints = [printable(each.endpoint) for each in settings.subscriptions if each.endpoint]
    if not endpoints:
        return "none: calls to numbers get 480 until you start with --app URL"
    return f"{', '.join(endpoints)}   (asking for its consent: see below)"
