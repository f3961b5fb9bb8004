"""`strowger user`: what the settings of a user need, made where its password is known."""

from __future__ import annotations

import json
import sys
from typing import Final

import click

from strowger.cli.errors import Misconfigured
from strowger.cli.target import json_option

REALM: Final = "strowger"
"""The default of sip.realm; a test compares the two."""


@click.group()
def user() -> None:
    """Prepare the settings of users."""


@user.command()
@click.argument("name")
@click.option("--realm", metavar="NAME", default=REALM, show_default=True, help="The realm of the server, sip.realm.")
@click.option("--md5", is_flag=True, help="Also for MD5, for phones that do not know SHA-256.")
@json_option
def ha1(name: str, realm: str, md5: bool, as_json: bool) -> None:
    """Turn the password of the user NAME into hashes.

    With them no settings file holds the password. The password is asked for or, where nobody can be asked, read from
    the standard input. The hashes are good for this very NAME and realm: a phone has to give the name exactly so.
    """
    from strowger.sip.authentication.credentials import Credential
    from strowger.sip.authentication.errors import CredentialInvalid

    try:
        credential = Credential.of_password(name, realm, _password(), md5=md5)
    except CredentialInvalid as error:
        raise Misconfigured(f"there is no such account: {error}") from error
    hashes = [f"SHA-256:{credential.ha1_sha256}", *([f"MD5:{credential.ha1_md5}"] if md5 else [])]
    if as_json:
        click.echo(json.dumps({"name": name, "realm": realm, "sip_ha1": hashes}, indent=2))
    else:
        click.echo(f"name = {_toml(name)}\nsip_ha1 = {_toml(hashes)}")


def _password() -> str:
    """Never from the arguments: everybody on the machine can read those."""
    if sys.stdin.isatty():
        password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise Misconfigured("there is no password: type one, or send one as the first line of the standard input")
    return password


def _toml(value: str | list[str]) -> str:
    """JSON's texts and lists are TOML's too."""
    return json.dumps(value, ensure_ascii=False)
