"""`strowger registration`: who is registered at a running server, and how its phones are reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from strowger.base.text import printable
from strowger.cli.asking import admin_of, admin_options, ask, print_json

if TYPE_CHECKING:
    from strowger.console.sip_views import RegistrationView


@click.group()
def registration() -> None:
    """Look at the phones that are registered."""


@registration.command("list")
@admin_options
@click.option("--user", metavar="NAME", default="", help="Only the phones of this user, by name or raw id.")
def list_(as_json: bool, user: str, **where: Any) -> None:
    """List the phones that are registered, and until when."""
    admin, _ = admin_of(**where)
    found = ask(admin, lambda: admin.registrations(user))
    if as_json:
        print_json(found.registrations)
        return
    for phone in found.registrations:
        click.echo(row(phone))
    if found.note:
        click.echo(printable(found.note))


def row(phone: RegistrationView) -> str:
    """One phone on one line."""
    from strowger.cli.narration import span

    told = [
        printable(phone.user),
        printable(phone.contact),
        f"{span(phone.expires_in_s)} left",
        f"{printable(phone.transport)} from {printable(phone.source)}",
    ]
    if phone.q < 1:
        told.append(f"q={phone.q:g}")
    if phone.path:
        told.append(f"path {printable(', '.join(phone.path))}")
    if phone.is_bound_to_flow:
        told.append("reached only by the way it registered")
    if phone.user_agent:
        told.append(printable(phone.user_agent))
    return "  ".join(told)
