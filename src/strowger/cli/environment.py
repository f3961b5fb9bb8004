"""`strowger env`, `strowger run` and `strowger connection-string`: what a program needs to find and trust the server.

The variables have the names that Microsoft's samples use, so that an unmodified sample starts as it is.
"""

from __future__ import annotations

import json
import os
import shlex
import string
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import click

from strowger.cli.errors import Failed, Misconfigured, ProgramNotFound, ProgramUnusable
from strowger.cli.resource import WHICH, chosen_resource, keyed
from strowger.cli.target import json_option, server_options, settings_of

if TYPE_CHECKING:
    from strowger.settings import Resource, Settings

CONNECTION_STRING_NAMES: Final = (
    "CONNECTION_STRING",
    "ACS_CONNECTION_STRING",
    "AcsConnectionString",
    "ACS_CONNECTIONSTRING",
    "ACS_ACSCONNECTIONSTRING",
)
"""As samples in Python, JavaScript, C# and Java (Spring, of which two spellings exist) read it."""
TRUST_NAMES: Final = ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""What Node.js, requests, and OpenSSL with what is built on it read. The last two replace the trusted set."""

_PLAIN: Final = frozenset(string.ascii_letters + string.digits + "_-./:=+,@%;")

_app_option: Final = click.option("--app", metavar="URL", help="The application, if it is not the one of the server.")


@click.command("connection-string")
@server_options
@click.option("--resource", metavar="NAME", help="Which resource.  [default: the first]")
@click.option("--key", "which", type=click.Choice(WHICH), default="primary", show_default=True, help="Which key.")
@json_option
def connection_string(
    config: Path | None, data_dir: Path | None, resource: str | None, which: str, as_json: bool
) -> None:
    """Print what an application connects with."""
    from strowger.settings import connection_string as connection_string_of

    settings = settings_of(config, data_dir)
    chosen = keyed(settings, chosen_resource(settings, resource), makes=config is None)
    if WHICH.index(which) >= len(chosen.keys):
        raise Misconfigured(f"The settings give the resource {chosen.name!r} no {which} key.")
    text = connection_string_of(settings, chosen, chosen.keys[WHICH.index(which)])
    if as_json:
        click.echo(json.dumps({"resource": chosen.name, "connection_string": text}))
    else:
        click.echo(text)


@click.command()
@server_options
@_app_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["dotenv", "shell", "json"]),
    default="dotenv",
    show_default=True,
    help="How they are written.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def env(config: Path | None, data_dir: Path | None, app: str | None, form: str, as_json: bool) -> None:
    """Print the variables that a program needs.

    They are for a .env file; or for a shell, by eval "$(strowger env --format shell)".
    """
    values = variables(*_target(config, data_dir), app)
    if as_json or form == "json":
        click.echo(json.dumps(values, indent=2))
        return
    for name, value in values.items():
        click.echo(f"export {name}={shlex.quote(value)}" if form == "shell" else f"{name}={dotenv(value)}")


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@server_options
@_app_option
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="-- COMMAND...", required=True)
def run(config: Path | None, data_dir: Path | None, app: str | None, command: tuple[str, ...]) -> None:
    """Run a program with the variables of strowger env.

    For instance: strowger run -- npm start. The program takes the place of this one, so signals and its exit code are
    its own.
    """
    environ = {**os.environ, **variables(*_target(config, data_dir), app)}
    try:
        os.execvpe(command[0], command, environ)
    except OSError as error:
        kind = ProgramNotFound if isinstance(error, FileNotFoundError) else ProgramUnusable
        raise kind(f"{command[0]} cannot be started: {error.strerror}") from error


def variables(settings: Settings, resource: Resource, app: str | None = None) -> dict[str, str]:
    """Everything, in order, to connect to a resource that has its keys; `app` is the application, else the one of the
    first subscription that has an endpoint. Raises Failed.
    """
    from strowger.settings import connection_string as connection_string_of

    values = dict.fromkeys(CONNECTION_STRING_NAMES, connection_string_of(settings, resource))
    for index, number in enumerate(settings.numbers, start=1):
        values[f"STROWGER_NUMBER_{index}"] = number.e164
    for user in settings.users:
        values[f"STROWGER_USER_{_variable(user.name)}"] = user.id
    endpoint = app or next((each.endpoint for each in settings.subscriptions if each.endpoint), "")
    if endpoint:
        values["CALLBACK_URI"] = origin(endpoint)
    if settings.tls.mode == "dev-ca":
        values.update(dict.fromkeys(TRUST_NAMES, str(trusted(settings))))
    return values


def trusted(settings: Settings) -> Path:
    """What this machine trusts and our own authority in one file, made as the server would make it. Raises Failed."""
    from strowger.base.clock import SystemClock
    from strowger.tls import bundle, create_dev_ca

    directory = settings.server.data_dir / "tls"
    hosts = [host for resource in settings.resources for host in resource.hosts]
    try:
        authority = create_dev_ca(directory, hosts, now=SystemClock().wall()).authority
        return bundle(authority, directory / "bundle.pem")
    except (OSError, ValueError) as error:
        raise Failed(f"The certificates in {directory} cannot be used: {error}") from error


def origin(url: str) -> str:
    """Scheme, host and port, to which samples append the paths of their callbacks. Raises Misconfigured."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Misconfigured(f"--app {url!r} must be an http or https URL.")
    return f"{parts.scheme}://{parts.netloc}"


def dotenv(value: str) -> str:
    """A value as readers of .env files take it literally."""
    if set(value) <= _PLAIN:
        return value
    if "'" not in value:
        return f"'{value}'"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _target(config: Path | None, data_dir: Path | None) -> tuple[Settings, Resource]:
    settings = settings_of(config, data_dir)
    return settings, keyed(settings, chosen_resource(settings, None), makes=config is None)


def _variable(name: str) -> str:
    return "".join(character if character.isascii() and character.isalnum() else "_" for character in name).upper()

