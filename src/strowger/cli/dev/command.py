"""The command `strowger dev`."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from strowger.cli.errors import Failed, Misconfigured
from strowger.cli.serve import LOG_LEVELS, Running, require_free, serve_until_stopped
from strowger.cli.target import data_dir_option, data_directory, misconfigured

if TYPE_CHECKING:
    from strowger.calls.call import Call
    from strowger.cli.dev.directory import DevDirectory, DevStart
    from strowger.cli.narration import Narrator
    from strowger.console.queries import Watcher
    from strowger.settings import Settings

HINTS: Final = {
    "api": "choose another with --api-port N, or 0 for any",
    "console": "choose another with --console-port N, or 0 for any",
    "metrics": "choose another in STROWGER__LISTEN__METRICS",
    "sip": "choose another with --sip-port N, or 0 for any",
}
LARGEST_PORT: Final = 65_535
SIP_PORT: Final = 5060
LOOPBACK: Final = "127.0.0.1"

_port: Final = click.IntRange(0, LARGEST_PORT)


@click.command()
@click.option("--app", metavar="URL", default="", help="Where IncomingCall events are posted.")
@click.option("--phone", "phones", metavar="NAME=URI", multiple=True, help="A user's phone: bob=sip:bob@127.0.0.1:5071")
@click.option("--memory", is_flag=True, help="Keep calls in memory only.")
@click.option("--reset", is_flag=True, help="First forget all calls, the access keys and the certificates.")
@data_dir_option
@click.option("--api-port", type=_port, metavar="N", help="Port of the API.  [default: 7443]")
@click.option("--sip-port", type=_port, metavar="N", help="Port for SIP over UDP and TCP.  [default: 5060]")
@click.option("--console-port", type=_port, metavar="N", help="Port of the console.  [default: 7080]")
@click.option("--log-level", type=click.Choice(LOG_LEVELS), default="info", show_default=True, help="What to log.")
def dev(data_dir: Path | None, memory: bool, reset: bool, log_level: str, **choices: Any) -> None:
    """Run a server to develop against; it needs no file.

    It has two numbers, two users and access keys that stay the same. The other commands find it by its data
    directory.
    """
    from strowger.cli.dev.directory import DevDirectory
    from strowger.cli.logging import configure

    directory = DevDirectory(data_directory(data_dir))
    start = chosen_start(**choices)
    settings = _prepare(directory, start, reset=reset)
    require_free(settings, HINTS)
    configure("text", log_level)

    def ready(server: Running) -> None:
        announce(directory, start, server)

    serve_until_stopped(settings, memory=memory, ready=ready, draining=_say_draining)


def chosen_start(
    app: str, phones: tuple[str, ...], api_port: int | None, sip_port: int | None, console_port: int | None
) -> DevStart:
    """What the options come to; a port that is not given is left to the settings. Raises Misconfigured."""
    from strowger.cli.dev.directory import DevStart

    return DevStart(
        app,
        parse_phones(phones),
        api=[] if api_port is None else [f"{LOOPBACK}:{api_port}"],
        console=[] if console_port is None else [f"{LOOPBACK}:{console_port}"],
        sip=sip_listeners(sip_port, os.environ),
    )


def parse_phones(texts: tuple[str, ...]) -> dict[str, list[str]]:
    """The URIs of each user out of `bob=sip:bob@127.0.0.1:5071`. Raises Misconfigured."""
    contacts: dict[str, list[str]] = {}
    for text in texts:
        name, equals, uri = text.partition("=")
        if not name or not equals or not uri.startswith("sip:"):
            raise Misconfigured(f"--phone {text!r} must be a user, = and a SIP URI, as in bob=sip:bob@127.0.0.1:5071")
        contacts.setdefault(name, []).append(uri)
    return contacts


def sip_listeners(port: int | None, environ: Mapping[str, str], *, has_ipv6: bool | None = None) -> list[str]:
    """Where to listen for SIP: over IPv6 only where the machine has it. Empty when the environment says it."""
    if port is None and "STROWGER__LISTEN__SIP" in environ:
        return []
    number = SIP_PORT if port is None else port
    listeners = [f"udp:{LOOPBACK}:{number}", f"tcp:{LOOPBACK}:{number}"]
    return [*listeners, f"udp:[::1]:{number}"] if (_has_ipv6() if has_ipv6 is None else has_ipv6) else listeners


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _prepare(directory: DevDirectory, start: DevStart, *, reset: bool) -> Settings:
    from strowger.access_keys.errors import AccessKeysError
    from strowger.settings import SettingsError
    from strowger.storage.errors import StoreError

    try:
        if reset:
            directory.reset()
        return directory.settings(start, os.environ)
    except SettingsError as error:
        raise misconfigured(error) from error
    except StoreError as error:
        raise Failed(f"{error}.") from error
    except (OSError, ValueError, AccessKeysError) as error:
        raise Failed(f"The data directory {directory.path} cannot be used: {error}") from error


def announce(directory: DevDirectory, start: DevStart, server: Running) -> None:
    """Say where everything is, keep that for the other commands, and from now on tell what happens to calls."""
    from strowger.cli.dev.banner import banner
    from strowger.cli.dev.directory import DevStart
    from strowger.cli.narration import Narrator
    from strowger.cli.resource import keyed
    from strowger.cli.target import names_of
    from strowger.settings import connection_string

    actual = DevStart(
        start.app,
        start.contacts,
        list(server.api_addresses),
        list(server.console_addresses),
        list(server.sip_addresses),
    )
    settings = directory.settings(actual, os.environ)
    directory.remember(actual)
    console = f"http://{server.console_addresses[0]}" if server.console_addresses else "nowhere"
    resource = keyed(settings, settings.resources[0], makes=True)
    click.echo(banner(settings, server.sip_addresses, console, connection_string(settings, resource)))
    server.inspection.subscribe(teller(Narrator(names_of(settings))))


def teller(narrator: Narrator) -> Watcher:
    """A watcher of calls that prints each change."""
    from strowger.console.views import view

    def tell(call: Call, what: str) -> None:
        for line in narrator.lines(view(call), what):
            click.echo(line)

    return tell


def _say_draining(live: int) -> None:
    if live:
        click.echo(f"Stopping once {live} calls have ended; Ctrl-C again stops at once.")
