"""`strowger token`: tokens to try the API with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from strowger.cli.errors import Failed, Misconfigured
from strowger.cli.target import json_option, server_options, settings_of

if TYPE_CHECKING:
    from joserfc.jwk import ECKey

    from strowger.dev_issuer import Life
    from strowger.settings import Entra, Settings

TEAMS_APPLICATION = "5f0c5c1c-3f0b-4f5e-8f0a-2d6f4a1f7c11"
"""The application that a Teams user of development signs in to; any other does as well."""


_minutes = click.option(
    "--minutes", type=click.IntRange(1, 1_440), default=60, show_default=True, metavar="N", help="How long it is good."
)


@click.group()
def token() -> None:
    """Make tokens for development."""


@token.command()
@server_options
@click.option("--resource", metavar="NAME", help="For which resource.  [default: the first that has an issuer]")
@_minutes
@json_option
def entra(config: Path | None, data_dir: Path | None, resource: str | None, minutes: int, as_json: bool) -> None:
    """Print a token as Entra would give it to an application.

    It is for a client of the SDK with a token credential. It is signed by the development issuer: the [[entra]] whose
    jwks_url is "dev", which strowger dev has.
    """
    from strowger.dev_issuer import dev_token

    settings = settings_of(config, data_dir)
    issuer = _dev_issuer(settings, resource, "allowed")
    life = _life(minutes)
    text = dev_token(
        _key(settings),
        issuer=issuer.issuer,
        audience=issuer.audiences[0],
        application_id=issuer.allowed[0],
        life=life,
    )
    _say(as_json, text, life, {"resource": issuer.resource})


@token.command()
@server_options
@click.option("--resource", metavar="NAME", help="For which resource.  [default: the first that has a tenant]")
@click.option("--user", metavar="ID", required=True, help="The object id of the Teams user: any UUID.")
@click.option("--app", metavar="ID", default=TEAMS_APPLICATION, show_default=True, help="The id of the application.")
@_minutes
@json_option
def teams(
    config: Path | None,
    data_dir: Path | None,
    resource: str | None,
    user: str,
    app: str,
    minutes: int,
    as_json: bool,
) -> None:
    """Print a token as Entra would give it for a Teams user.

    It is for an application, which exchanges it by the identity SDK. It is signed by the development issuer, whose
    [[entra]] needs a tenant.
    """
    from strowger.dev_issuer import dev_user_token

    settings = settings_of(config, data_dir)
    issuer = _dev_issuer(settings, resource, "tenant")
    life = _life(minutes)
    text = dev_user_token(
        _key(settings),
        issuer=issuer.issuer,
        audience=issuer.exchange_audiences[0],
        application_id=app,
        object_id=user,
        tenant=issuer.tenant,
        life=life,
    )
    _say(as_json, text, life, {"resource": issuer.resource, "app": app, "user": user})


def _life(minutes: int) -> Life:
    from strowger.base.clock import SystemClock
    from strowger.dev_issuer import Life

    return Life(SystemClock().wall(), minutes * 60)


def _key(settings: Settings) -> ECKey:
    from strowger.dev_issuer import dev_key

    try:
        return dev_key(settings.server.data_dir)
    except (OSError, ValueError) as error:
        raise Failed(f"The key of the development issuer cannot be used: {error}") from error


def _say(as_json: bool, text: str, life: Life, about: dict[str, str]) -> None:
    if as_json:
        click.echo(json.dumps({**about, "token": text, "expires_on": int(life.now + life.lifetime_s)}))
    else:
        click.echo(text)


def _dev_issuer(settings: Settings, resource: str | None, needs: str) -> Entra:
    from strowger.acs.authenticators.key_place import DEVELOPMENT

    for row in settings.issuers:
        if row.jwks_url == DEVELOPMENT and resource in (None, row.resource) and getattr(row, needs):
            return row
    whose = "" if resource is None else f" for the resource {resource!r}"
    raise Misconfigured(f'There is no development issuer{whose}: no [[entra]] has jwks_url = "dev" and {needs}.')
