"""`strowger serve`: the server as an operator runs it, from a settings file; and what `dev` shares with it."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import click

from strowger.cli.errors import Failed
from strowger.cli.target import settings_of

if TYPE_CHECKING:
    from strowger.console.queries import Queries
    from strowger.settings import Listener, Settings, SipListener

LOG_LEVELS: Final = ("debug", "info", "warning", "error")

HINTS: Final = {
    "api": "choose another in listen.api",
    "console": "choose another in listen.console",
    "metrics": "choose another in listen.metrics",
    "sip": "choose another in listen.sip",
}
"""What to do about a taken port of each kind."""

_PURPOSES: Final = {"api": "the API", "console": "the console", "metrics": "measurements", "sip": "SIP"}


class Running(Protocol):
    """A server that has started, as far as the command line sees it."""

    @property
    def api_addresses(self) -> Sequence[str]:
        """`host:port` of each API listener."""

    @property
    def console_addresses(self) -> Sequence[str]:
        """`host:port` of each console listener."""

    @property
    def sip_addresses(self) -> Sequence[str]:
        """`udp:host:port` of each SIP listener."""

    @property
    def inspection(self) -> Queries:
        """What it tells of its calls."""


@click.command()
@click.option(
    "-c", "--config", type=click.Path(path_type=Path), metavar="FILE", required=True, help="Settings file."
)
@click.option("--log-format", type=click.Choice(["json", "text"]), default="json", show_default=True, help="Its form.")
@click.option("--log-level", type=click.Choice(LOG_LEVELS), default="info", show_default=True, help="What to log.")
def serve(config: Path, log_format: str, log_level: str) -> None:
    """Serve with the settings of a file.

    SIGTERM or Ctrl-C takes no new calls and waits for those that live, up to limits.drain; a second one stops at once.
    The log goes to standard error.
    """
    settings = settings_of(config, None)
    require_free(settings, HINTS)

    import structlog

    from strowger.cli.logging import configure
    from strowger.inspection import log_end

    configure(log_format, log_level)
    log = structlog.stdlib.get_logger("strowger.cli")

    def ready(server: Running) -> None:
        server.inspection.subscribe(log_end)
        log.info("ready", api=server.api_addresses, console=server.console_addresses, sip=server.sip_addresses)

    serve_until_stopped(settings, ready=ready, draining=lambda live: log.info("draining", calls=live))
    log.info("stopped")


def serve_until_stopped(
    settings: Settings, *, ready: Callable[..., None], draining: Callable[[int], None], memory: bool = False
) -> None:
    """Run the server. `ready` is told of it once it takes calls, `draining` how many live when it stops. Raises Failed.
    """
    from strowger import process
    from strowger.server import StartError

    try:
        process.run(settings, memory=memory, ready=ready, draining=lambda running: draining(len(running.exchange)))
    except StartError as error:
        raise Failed(f"The server cannot start: {error}") from error


def require_free(settings: Settings, hints: Mapping[str, str]) -> None:
    """Raise Failed, naming every address of `settings` that cannot be listened on and what to do about it."""
    taken = [
        f"{address}, for {_PURPOSES[key]}, {trouble}: {hints[key]}."
        for key, kind, address in _wanted(settings)
        if (trouble := _trouble(kind, address.host, address.port))
    ]
    if taken:
        raise Failed("\n".join(taken))


def _wanted(settings: Settings) -> Iterator[tuple[str, socket.SocketKind, Listener | SipListener]]:
    listen = settings.listen
    for key, listeners in (("api", listen.api), ("console", listen.console), ("metrics", listen.metrics)):
        for each in listeners:
            yield key, socket.SOCK_STREAM, each
    for sip in listen.sip:
        yield "sip", socket.SOCK_DGRAM if sip.transport == "udp" else socket.SOCK_STREAM, sip


def _trouble(kind: socket.SocketKind, host: str, port: int) -> str:
    """Why an address cannot be listened on, or nothing."""
    if port == 0:
        return ""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind) as probe:
            if kind is socket.SOCK_STREAM:  # as the server's own sockets: what lingers of an earlier one is no trouble
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family is socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as error:
        return _in_words(error)
    return ""


def _in_words(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "is taken by another program"
    if error.errno == errno.EACCES:
        return "needs rights that you do not have"
    if error.errno == errno.EADDRNOTAVAIL:
        return "is not an address of this machine"
    return f"cannot be used ({os.strerror(error.errno) if error.errno and error.errno > 0 else error})"
