"""The command `strowger simulate call`."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from strowger.cli.errors import Failed, Misconfigured
from strowger.cli.target import json_option, names_of, reachable, server_options, settings_of

if TYPE_CHECKING:
    from strowger.cli.admin import Admin
    from strowger.cli.simulate.scenario import Callee, Outcome, Scenario
    from strowger.settings import Settings


class Duration(click.ParamType[float]):
    """`5s`, `500ms`, or a number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        from strowger.settings.quantity import duration

        try:
            return duration(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


@click.group()
def simulate() -> None:
    """Make calls without telephones."""


@simulate.command("call")
@server_options
@click.option("--from", "caller", metavar="WHO", required=True, help="Who calls: a number, or a name.")
@click.option("--to", "dialled", metavar="WHOM", required=True, help="Who is called: a number or a user of the server.")
@click.option("--server", metavar="ADDRESS", help="Where it listens for SIP, as in udp:127.0.0.1:5060.")
@click.option("--expect-redirect", "redirect", metavar="WHOM", help="A user, a number or a raw id.")
@click.option("--expect-answer", "answer", is_flag=True, help="Somebody must answer.")
@click.option("--timeout", "timeout_s", type=Duration(), default="5s", show_default=True, help="How long to wait.")
@click.option("--caller-hangs-up", "hangs_up_after_s", type=Duration(), help="Give up so long after the INVITE.")
@click.option("--callee", "callees", metavar="NAME=WHAT", multiple=True, help="Stand in for a user: bob=answer:2s")
@json_option
def simulate_call(config: Path | None, data_dir: Path | None, as_json: bool, **choices: Any) -> None:
    """Call somebody, and print what happened as a ladder.

    A callee answers or refuses in place of a user's phone, at the addresses the server has for it: bob=answer,
    bob=answer:2s, bob=answer:2s:10s (hang up after 10 s), bob=busy, bob=decline, bob=noanswer, bob=silent,
    bob=reject:480, bob=redirect:sip:carol@192.0.2.7.

    \b
    strowger simulate call --from +31612345678 --to +31201110001 \\
        --callee bob=busy --callee alice=answer:2s --expect-answer
    """
    settings = settings_of(config, data_dir)
    outcome = _play(scenario_of(settings, **choices), settings)
    click.echo(json.dumps(as_object(outcome), indent=2) if as_json else report(outcome))
    if outcome.reasons:
        raise click.exceptions.Exit(Failed.exit_code)


def scenario_of(
    settings: Settings, *, server: str | None, redirect: str | None, callees: tuple[str, ...], **rest: Any
) -> Scenario:
    """What the options come to; `rest` are those that are as they are in a Scenario. Raises Misconfigured."""
    from strowger.cli.simulate.scenario import Scenario

    scenario = Scenario(
        server=server or sip_address(settings),
        callees=tuple(_callee(text, settings) for text in callees),
        redirect=None if redirect is None else raw_id(redirect, settings),
        dialled_ids=dialled_ids(rest["dialled"], settings),
        **rest,
    )
    if scenario.hangs_up_after_s is not None and scenario.hangs_up_after_s >= scenario.timeout_s:
        raise Misconfigured("--caller-hangs-up must come before --timeout is over.")
    return scenario


def sip_address(settings: Settings) -> str:
    """Where the server of these settings takes SIP from this machine. Raises Misconfigured."""
    if not settings.listen.sip:
        raise Misconfigured("The settings have no listen.sip; give --server.")
    first = settings.listen.sip[0]
    return f"{first.transport}:{reachable(first.host, first.port)}"


def raw_id(text: str, settings: Settings) -> str:
    """The raw id that a person means by a user's name, a number, or itself. Raises Misconfigured."""
    for user in settings.users:
        if user.name.lower() == text.lower():
            return user.id
    if text.startswith("+") and text[1:].isdigit():
        return f"4:{text}"
    if ":" in text:
        return text
    names = ", ".join(user.name for user in settings.users) or "none"
    raise Misconfigured(f"--expect-redirect {text!r} is no user ({names}), no +number and no raw id.")


def dialled_ids(dialled: str, settings: Settings) -> frozenset[str]:
    """The raw ids that the server may find behind what is dialled, in lower case; empty when nothing is known of it."""
    wanted = dialled.lower()
    users = {user.id.lower() for user in settings.users if wanted in (user.name.lower(), user.id.lower())}
    numbers = {f"4:{number.e164}" for number in settings.numbers if number.e164 in (dialled, f"+{dialled}")}
    return frozenset(users | numbers)


def _callee(text: str, settings: Settings) -> Callee:
    from strowger.cli.simulate.scenario import Callee
    from strowger.phones.behaviours import parse_behaviour
    from strowger.phones.errors import BehaviourInvalid

    try:
        name, behaviour = parse_behaviour(text)
    except BehaviourInvalid as error:
        raise Misconfigured(f"--callee {error}.") from error
    for user in settings.users:
        if user.name.lower() == name.lower():
            if user.contacts:
                return Callee(user.name, user.contacts, behaviour)
            raise Misconfigured(
                f"{user.name} has no phone that --callee could stand in for: start the server with "
                f"--phone {user.name}=sip:{user.name}@127.0.0.1:5071, or give the [[user]] contacts."
            )
    names = ", ".join(user.name for user in settings.users) or "none"
    raise Misconfigured(f"--callee {name!r} is no user; there are {names}.")


def _play(scenario: Scenario, settings: Settings) -> Outcome:
    from strowger.cli.simulate.scenario import play
    from strowger.phones.errors import PhoneError

    try:
        return asyncio.run(play(scenario, _admin(scenario, settings), names_of(settings)))
    except PhoneError as error:
        raise Misconfigured(f"The call cannot be made: {error}.") from error


def _admin(scenario: Scenario, settings: Settings) -> Admin | None:
    """The admin API; None when it cannot be asked and need not be."""
    from strowger.cli.admin import Admin

    try:
        return Admin.of(settings)
    except click.ClickException as error:
        if scenario.redirect is not None:
            raise
        click.echo(f"Without the admin API: {error.message}", err=True)
        return None


def report(outcome: Outcome) -> str:
    """The ladder and the verdict, for a person."""
    from strowger.cli.simulate.ladder import draw

    verdict = [f"Not as expected: {reason}." for reason in outcome.reasons] or [f"As expected: {_result(outcome)}."]
    return "\n".join([*draw(outcome.lanes, outcome.arrows), "", *verdict])


def _result(outcome: Outcome) -> str:
    from strowger.cli.narration import short_id

    result = f"the caller got {outcome.status}" if outcome.status else "the caller gave up before a final response"
    if outcome.call is None:
        return result
    return f"{result}; call {short_id(outcome.call)}"


def as_object(outcome: Outcome) -> dict[str, Any]:
    """The same for a program."""
    return {
        "as_expected": not outcome.reasons,
        "reasons": list(outcome.reasons),
        "status": outcome.status,
        "call_id": outcome.call.id if outcome.call is not None else None,
        "messages": [
            {**dataclasses.asdict(arrow), "at": round(arrow.at, 3)}
            for arrow in sorted(outcome.arrows, key=lambda arrow: arrow.at)
        ],
    }
