"""`strowger call`: look at the calls of a running server through its admin API."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final

import click

from strowger.base.text import printable
from strowger.cli.asking import admin_of, admin_options, ask, print_json
from strowger.cli.errors import Failed

if TYPE_CHECKING:
    from strowger.cli.admin import Admin
    from strowger.cli.narration import Narrator
    from strowger.console.views import CallView

WHY_LIMIT: Final = 1_000
VALUE_LIMIT: Final = 256
"""Characters of a custom header: what an event shows."""


@click.group()
def call() -> None:
    """Look at calls.

    \b
    strowger call list --state live
    strowger call why 961b1f2e
    """


@call.command("list")
@admin_options
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, metavar="N", help="How many.")
@click.option("--state", metavar="STATE", default="", help="Only these: live, ended, held, ringing, answered…")
def list_(as_json: bool, limit: int, state: str, **where: Any) -> None:
    """List the newest calls."""
    admin, narrator = _server(**where)
    calls = ask(admin, lambda: admin.calls(limit, state))
    if as_json:
        print_json(calls)
        return
    for each in calls:
        click.echo(row(each, narrator))
    if not calls:
        click.echo("No calls.")


@call.command()
@admin_options
@click.argument("call_id", metavar="ID")
def show(as_json: bool, call_id: str, **where: Any) -> None:
    """Show one call; a beginning of its id is enough."""
    admin, narrator = _server(**where)
    found = ask(admin, lambda: admin.call(call_id))
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(details(found, narrator)))


@call.command()
@admin_options
@click.argument("call_id", metavar="ID")
def why(as_json: bool, call_id: str, **where: Any) -> None:
    """Say why a call is where it is, and what happened to it on the way."""
    admin, narrator = _server(**where)
    found = ask(admin, lambda: admin.why(call_id))
    if as_json:
        print_json(found)
        return
    for sentence in (found.why, *(f"  {each}" for each in found.chain), *found.notes):
        click.echo(printable(narrator.named(sentence), WHY_LIMIT))


@call.command()
@admin_options
def watch(as_json: bool, **where: Any) -> None:
    """Tell what happens to calls, until Ctrl-C."""
    admin, narrator = _server(**where)
    try:
        ask(admin, lambda: _watch(admin, narrator, as_json=as_json))
    except KeyboardInterrupt:
        return


async def _watch(admin: Admin, narrator: Narrator, *, as_json: bool) -> None:
    from strowger.console.views import DROPPED

    async with aclosing(admin.watch()) as changes:
        async for change in changes:
            if as_json:
                print_json(change, indent=0)
            elif change.call is not None:
                for line in narrator.lines(change.call, change.what):
                    click.echo(line)
            elif change.message:
                click.echo(printable(change.message), err=True)
            if change.what == DROPPED:
                raise Failed("The watch was dropped; begin it again.")


def _server(**where: Any) -> tuple[Admin, Narrator]:
    """The client for the server that is meant, and who tells of its calls."""
    from strowger.cli.narration import Narrator

    admin, names = admin_of(**where)
    return admin, Narrator(names)


def row(call: CallView, narrator: Narrator) -> str:
    """One call on one line."""
    from strowger.cli.narration import clock, short_id

    state = printable(call.state) + (f" {call.final_status}" if call.final_status else "")
    line = f"{short_id(call)}  {clock(call.created_at)}  {state:14}  {narrator.journey(call)}"
    return f"{line}  {printable(call.why)}".rstrip()


def details(call: CallView, narrator: Narrator) -> list[str]:
    """One call, on as many lines as it needs."""
    from strowger.cli.narration import clock, doing, lasted, outcomes

    status = f" with {call.final_status}" if call.final_status else ""
    duration = f", lasted {lasted(call.created_at, call.ended_at)}" if call.ended_at else ""
    lines = [
        f"call {printable(call.id)}",
        f"  {printable(call.state)}{status}" + (f": {printable(call.why, WHY_LIMIT)}" if call.why else ""),
        f"  from     {narrator.name(call.from_)} {printable(call.display_name)}".rstrip(),
        f"  resource {printable(call.resource)}",
        f"  began    {call.created_at}{duration}",
        *(
            f"  header   {printable(name)}: {printable(value, VALUE_LIMIT)}"
            for name, value in call.custom_headers.items()
        ),
        *(f"  left out {printable(header)}" for header in call.headers_left_out),
    ]
    for number, hop in enumerate(call.hops, start=1):
        opened = clock(hop.opened_at)
        how = f"{printable(hop.opening)} " if hop.opening else ""
        lines.append(f"  hop {number}    {opened}  {how}to {narrator.name(hop.to)}  {printable(hop.to.raw_id)}")
        lines += [f"           {opened}  {text}" for text in doing(hop)]
        closed = [(hop.closed_at, printable(narrator.named(hop.decision), WHY_LIMIT))] if hop.closed_at else []
        told = sorted([*outcomes(hop), *closed], key=lambda each: each[0])
        lines += [f"           {clock(at)}  {text}" for at, text in dict.fromkeys(told)]
    return lines
