"""`strowger trunk`: how the trunks of a running server are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from strowger.base.text import printable
from strowger.cli.asking import admin_of, admin_options, ask, print_json

if TYPE_CHECKING:
    from strowger.console.sip_views import TrunkView


@click.group()
def trunk() -> None:
    """Look at the trunks."""


@trunk.command("list")
@admin_options
def list_(as_json: bool, **where: Any) -> None:
    """List the trunks: whether calls go there, since when, and why."""
    from strowger.base.clock import SystemClock

    admin, _ = admin_of(**where)
    found = ask(admin, admin.trunks)
    if as_json:
        print_json(found.trunks)
        return
    now = SystemClock().wall()
    for each in found.trunks:
        click.echo(row(each, now))
    if not found.trunks:
        click.echo("No trunks: nothing outside can be rung until there is a [[trunk]] and a [[route]] to it.")


def row(each: TrunkView, now: float) -> str:
    """One trunk on one line; `now` is wall time in seconds."""
    from strowger.cli.narration import span
    from strowger.console.views import seconds

    state = f"{printable(each.state)} for {span(now - seconds(each.since))}"
    if each.held_for_s:
        state += f", {span(each.held_for_s)} to go"
    told = [printable(each.name), printable(each.uri), f"{state}: {printable(each.why)}"]
    told.append(f"priority {each.priority}, weight {each.weight}")
    if not each.is_asked:
        told.append("not asked by OPTIONS")
    if each.registered_for_s:
        told.append(f"we are registered for another {span(each.registered_for_s)}")
    elif each.registration:
        told.append(f"we are not registered ({printable(each.registration)}): {printable(each.registration_why)}")
    if each.calls:
        told.append(f"{each.calls} calls ring there" if each.calls > 1 else "1 call rings there")
    return "  ".join(told)
