"""`strowger token`: tokens to try the API with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strowger.cli.errors import Failed, Misconfigured
from strowger.cli.target import json_option, server_options, settings_of

if TYPE_CHECKING:
    from strowger.settings import Entra, Settings


@click.group()
def token() -> None:
    """Make tokens for development."""


@token.command()
@server_options
@click.option("--resource", metavar="NAME", help="For which resource.  [default: the first that has an issuer]")
@click.option("--minutes", type=click.IntRange(1, 1_440), default=60, show_default=True, help="How long it is good.")
@json_option
def entra(config: Path | None, data_dir: Path | None, resource: str | None, minutes: int, as_json: bool) -> None:
    """Print a token as Entra would give it to an application, for a client with a token credential.

    It is signed by the development issuer: the [[entra]] whose jwks_url is "dev", which strowger dev has.
    """
    from strowger.base.clock import SystemClock
    from strowger.dev_issuer import dev_key, dev_token

    settings = settings_of(config, data_dir)
    issuer = _dev_issuer(settings, resource)
    now = SystemClock().wall()
    try:
        key = dev_key(settings.server.data_dir)
    except (OSError, ValueError) as error:
        raise Failed(f"The key of the development issuer cannot be used: {error}") from error
    text = dev_token(
        key,
        issuer=issuer.issuer,
        audience=issuer.audiences[0],
        application_id=issuer.allowed[0],
        now=now,
        lifetime_s=minutes * 60,
    )
    if as_json:
        click.echo(json.dumps({"resource": issuer.resource, "token": text, "expires_on": int(now) + minutes * 60}))
    else:
        click.echo(text)


def _dev_issuer(settings: Settings, resource: str | None) -> Entra:
    from strowger.acs.authenticators.key_place import DEVELOPMENT

    for row in settings.issuers:
        if row.jwks_url == DEVELOPMENT and resource in (None, row.resource):
            return row
    whose = "" if resource is None else f" for the resource {resource!r}"
    raise Misconfigured(f'There is no development issuer{whose}: no [[entra]] has jwks_url = "dev".')
