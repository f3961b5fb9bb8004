"""`strowger subscription secret`: a new secret to sign requests with."""

from __future__ import annotations

import json
import secrets

import click

from strowger.cli.target import json_option


@click.command("secret")
@json_option
def signing_secret(as_json: bool) -> None:
    """Make a secret for signing_secrets of a subscription.

    The application that verifies needs it too. Nothing else keeps it. To change a secret, put the new one beside the
    old one, give the application the new one, and take the old one out. What stands in the settings holds from the next
    start; strowger subscription update holds at once.
    """
    from strowger.events.signature import NEW_SECRET_OCTETS, written

    made = written(secrets.token_bytes(NEW_SECRET_OCTETS))
    click.echo(json.dumps({"secret": made}, indent=2) if as_json else made)
