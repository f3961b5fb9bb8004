"""`strowger route`: where a running server would send a call, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from strowger.base.text import printable
from strowger.cli.asking import admin_of, admin_options, ask, print_json

if TYPE_CHECKING:
    from strowger.console.sip_views import MemberView, RouteTestView, WayView

SAYS_LIMIT: Final = 1_000
URI_LIMIT: Final = 300
REFUSED_EXIT: Final = 1
"""Exit code for a target that a redirect would be refused for."""


@click.group()
def route() -> None:
    """Look at the routes."""


@route.command()
@admin_options
@click.argument("target", metavar="TARGET")
@click.option("--kind", metavar="KIND", default="", help="phoneNumber, microsoftTeamsUser, …; guessed if not given.")
@click.option("--from", "caller", metavar="WHO", default="", help="Who calls: a number, a user, or anonymous.")
@click.option("--resource", metavar="NAME", default="", help="Whose call is redirected, where that makes a difference.")
@click.pass_context
def test(
    context: click.Context, /, as_json: bool, target: str, kind: str, caller: str, resource: str, **where: Any
) -> None:
    """Say what a redirect to TARGET would do now, and why. Nobody is rung.

    TARGET is a number like +31612345678, a raw id, or the name of a user. The exit code is 1 if it would be refused.
    """
    from strowger.console.sip_views import REFUSED

    admin, _ = admin_of(**where)
    question = {"target": target, "kind": kind, "from": caller, "resource": resource}
    found = ask(admin, lambda: admin.test_route(**question))
    if as_json:
        print_json(found)
    else:
        click.echo("\n".join(story(found)))
    context.exit(REFUSED_EXIT if found.outcome == REFUSED else 0)


def story(found: RouteTestView) -> list[str]:
    """What would happen, on as many lines as it needs."""
    lines = [printable(found.says, SAYS_LIMIT)]
    lines += [f"  rings    {printable(uri, URI_LIMIT)}" for uri in found.ring]
    lines += map(_member, found.members)
    for number, each in enumerate(found.routes):
        word = "decides: it matches most" if number == 0 else "matches too, but less of it, or was written later"
        leads = f"{printable(each.kind)} {printable(each.match)} to {printable(', '.join(each.to))}"
        lines.append(f"  route    {leads}  {word}")
    for way in found.ways:
        lines += _way(way, is_drawn=found.is_drawn)
    if found.is_drawn:
        lines.append("The order among trunks of one priority is drawn for each call; shown is the likeliest.")
    return lines


def _member(member: MemberView) -> str:
    who = printable(member.who.raw_id.removeprefix("4:"), URI_LIMIT)
    if member.left_out:
        return f"  not now  {who}  {printable(member.left_out, SAYS_LIMIT)}"
    time = f"for {member.time_s:g} s  " if member.time_s else ""
    return f"  rings    {who}  {time}{printable(', '.join(member.ring), SAYS_LIMIT)}"


def _way(way: WayView, *, is_drawn: bool) -> list[str]:
    if not way.place:
        return [f"  not now  {printable(way.trunk)}  {printable(way.left_out)}"]
    rank = f"priority {way.priority}, weight {way.weight}"
    if is_drawn and way.share < 1:
        rank += f", before its equals in {way.share:.0%} of calls"
    forwarded = f"; forwarded as {printable(', '.join(way.forwarded_as))}" if way.forwarded_as else ""
    return [
        f"  {way.place}.       {printable(way.trunk)}  {rank}",
        f"           {printable(way.uri, URI_LIMIT)}  (number_format {printable(way.number_format)})",
        f"           caller shown as {printable(way.caller)}  (caller_id {printable(way.caller_id)}){forwarded}",
    ]
