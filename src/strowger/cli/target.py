"""Which server a command is about: the one of a settings file, or the development server of a data directory."""

from __future__ import annotations

import os
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from strowger.cli.errors import Failed, Misconfigured

if TYPE_CHECKING:
    from strowger.settings import Settings

DEV_DIRECTORY: Final = "~/.local/share/strowger/dev"

F = TypeVar("F", bound=Callable[..., Any])

config_option: Final = click.option(
    "-c", "--config", type=click.Path(path_type=Path), metavar="FILE", help="Settings file of the server."
)
data_dir_option: Final = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help=f"Data directory of a development server.  [default: {DEV_DIRECTORY}]",
)
json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def server_options(command: F) -> F:
    """The options by which a server is named."""
    return config_option(data_dir_option(command))


def data_directory(given: Path | None) -> Path:
    """The data directory of a development server."""
    return Path(os.path.abspath((given or Path(DEV_DIRECTORY)).expanduser()))


def settings_of(config: Path | None, data_dir: Path | None) -> Settings:
    """The settings of the server that is meant. Raises Misconfigured, Failed."""
    from strowger.settings import SettingsError, load

    if config is not None and data_dir is not None:
        raise Misconfigured("--config and --data-dir name different servers; give one of them.")
    try:
        if config is not None:
            return load(config, os.environ, {})
        return _dev_settings(data_directory(data_dir))
    except SettingsError as error:
        raise misconfigured(error) from error


def _dev_settings(path: Path) -> Settings:
    """As the development server was started last, or as it will be the first time."""
    from strowger.access_keys.errors import AccessKeysError
    from strowger.cli.dev.directory import DevDirectory

    directory = DevDirectory(path)
    try:
        return directory.settings(directory.last_start(), os.environ)
    except (OSError, ValueError, AccessKeysError) as error:
        raise Failed(f"The data directory {path} cannot be used: {error}") from error


def misconfigured(error: Exception) -> Misconfigured:
    """All problems of the settings, a line each."""
    return Misconfigured(f"The settings cannot be used:\n{error}")


def reachable(host: str, port: int) -> str:
    """`host:port` of a listener as a client on the same machine reaches it: a wildcard becomes loopback."""
    try:
        address = ip_address(host)
    except ValueError:
        return f"{host}:{port}"
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def names_of(settings: Settings) -> dict[str, str]:
    """The name of each user by raw id in lower case."""
    return {user.id.lower(): user.name for user in settings.users}
