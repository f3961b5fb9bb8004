"""`strowger route`: where a running server would send a call, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from strowger.base.text import printable
from strowger.cli.asking import admin_of, admin_options, ask, print_json
from strowger.cli.errors import Misconfigured

if TYPE_CHECKING:
    from strowger.cli.admin import Admin
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
@click.argument("targets", metavar="[TARGET]…", nargs=-1)
@click.option("--kind", metavar="KIND", default="", help="phoneNumber, microsoftTeamsUser, …; guessed if not given.")
@click.option("--from", "caller", metavar="WHO", default="", help="Who calls: a number, a user, or anonymous.")
@click.option("--resource", metavar="NAME", default="", help="Whose call is redirected, where that makes a difference.")
@click.option("--to", metavar="WHO", default="", help="Play a call to this number or user, to its end.")
@click.option("--trunk", metavar="NAME", default="", help="With --to: the trunk that it comes by.")
@click.option("--source", metavar="ADDRESS", default="", help="With --to: the address that it comes from.")
@click.option("--display-name", metavar="NAME", default="", help="With --to: the caller's name.")
@click.option("--header", "headers", metavar="'NAME: VALUE'", multiple=True, help="With --to: one more of its headers.")
@click.pass_context
def test(context: click.Context, /, as_json: bool, targets: tuple[str, ...], **given: Any) -> None:
    """Say what a redirect to TARGET would do now, and why.

    With --to it says what would become of a whole call that is redirected to one TARGET after the other. Nobody is
    rung, nothing is sent, written or counted.

    TARGET is a number like +31612345678, a raw id, or the name of a user. The exit code is 1 if it, or the call, would
    be refused.
    """
    question = {name: given.pop(name) for name in _OF_THE_QUESTION}
    admin, names = admin_of(**given)
    if question["to"]:
        found, lines, is_refused = _played(admin, targets, question)
    else:
        found, lines, is_refused = _tested(admin, targets, question)
    if as_json:
        print_json(found)
    else:
        from strowger.cli.narration import Narrator

        narrator = Narrator(names)
        click.echo("\n".join(narrator.named(line) for line in lines))
    context.exit(REFUSED_EXIT if is_refused else 0)


_OF_THE_QUESTION: Final = ("kind", "caller", "resource", "to", "trunk", "source", "display_name", "headers")


def _tested(admin: Admin, targets: Sequence[str], given: Mapping[str, Any]) -> tuple[object, list[str], bool]:
    from strowger.console.sip_views import REFUSED

    if len(targets) != 1 or any(given[name] for name in ("trunk", "source", "display_name", "headers")):
        raise Misconfigured("Give one TARGET; or --from and --to, and any number of targets, for a whole call.")
    question = {"target": targets[0], "kind": given["kind"], "from": given["caller"], "resource": given["resource"]}
    found = ask(admin, lambda: admin.test_route(**question))
    return found, story(found), found.outcome == REFUSED


def _played(admin: Admin, targets: Sequence[str], given: Mapping[str, Any]) -> tuple[object, list[str], bool]:
    from strowger.cli import dry_run

    if given["kind"] or not given["caller"]:
        raise Misconfigured("A call --to somebody needs --from, and takes no --kind: give targets as raw ids.")
    named = {"from": "caller", "to": "to", "trunk": "trunk", "source": "source", "resource": "resource"}
    document: dict[str, Any] = {name: given[of] for name, of in named.items() if given[of]}
    if given["display_name"]:
        document["displayName"] = given["display_name"]
    document |= {"targets": list(targets), "headers": dict(map(_header, given["headers"]))}
    found = ask(admin, lambda: admin.simulate(document))
    return found, dry_run.story(found), found.is_refused


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise Misconfigured(f"--header takes 'Name: value', and not {text!r}.")
    return name.strip(), value.strip()


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
