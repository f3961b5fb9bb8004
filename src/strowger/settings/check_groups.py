"""What must hold of groups: that there is somebody behind each member, and nobody is rung in circles."""

from __future__ import annotations

from collections.abc import Iterator

from strowger.settings.group import Group, HasId, found_by, named
from strowger.settings.problem import Problem
from strowger.settings.reader import e164
from strowger.settings.rows import Settings

_PHONE = "phoneNumber"


def groups(settings: Settings) -> Iterator[Problem]:
    """Every contradiction in the tables [[group]]."""
    known = found_by((user.resource, user.name, user.id) for user in settings.users)
    numbers = {number.e164: HasId(number.resource, f"4:{number.e164}") for number in settings.numbers}
    seen: dict[str, str] = {}
    for index, group in enumerate(settings.groups):
        path = f"$.group[{index}]"
        to = known.get(group.id.lower()) or numbers.get(group.id)
        if to is None:
            if group.id:
                hint = "name a [[user]] by its name or id, or a [[number]] in E.164 form"
                yield Problem(f"{path}.id", f'there is no user and no number of ours called "{group.id}"', hint)
            continue
        if to.raw_id and (other := seen.setdefault(to.raw_id.lower(), path)) != path:
            yield Problem(f"{path}.id", f'"{group.id}" has a group already at {other}', "join the two")
        yield from _members(settings, known, group, to, path)


def _members(settings: Settings, known: dict[str, HasId], group: Group, to: HasId, path: str) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for position, text in enumerate(group.members):
        place = f"{path}.members[{position}]"
        who, time_s = named(text)
        user = known.get(who.lower())
        if user is not None:
            yield from _user(settings, known, user, who, to, place)
        else:
            yield from _number(settings, known, who, place)
        if time_s is not None and group.mode == "all":
            yield Problem(place, 'nobody has a time of its own in mode "all"', "all ring for limits.ring")
        raw_id = user.raw_id.lower() if user is not None else who
        if (other := seen.setdefault(raw_id, place)) != place:
            yield Problem(place, f'"{who}" is already at {other}', "a member is rung once")


def _user(
    settings: Settings, known: dict[str, HasId], user: HasId, who: str, to: HasId, place: str
) -> Iterator[Problem]:
    if user.resource != to.resource:
        yield Problem(place, f'"{who}" is a user of {user.resource}', f"name users of {to.resource}")
    if not user.raw_id or user.raw_id == to.raw_id:
        return
    for index, other in enumerate(settings.groups):
        members = [known.get(named(each).who.lower()) for each in other.members]
        if known.get(other.id.lower()) == user and user not in members:
            message = f'"{who}" is the group $.group[{index}], which has no phones of its own'
            yield Problem(place, message, "a group does not contain another: name the members of that one")


def _number(settings: Settings, known: dict[str, HasId], who: str, place: str) -> Iterator[Problem]:
    try:
        number = e164(who)
    except ValueError:
        name, _, time = who.rpartition("@")
        if name.lower() in known or name.startswith("+"):
            yield Problem(place, f'"{time}" is no time that a member can ring', f'write it as in "{name}@20s"')
            return
        hint = "name a [[user]] by its name or id, or a number outside in E.164 form"
        yield Problem(place, f'there is no user called "{who}"', hint)
        return
    if any(each.e164 == number for each in settings.numbers):
        message = f"{number} is a number of ours, at which nobody is rung"
        yield Problem(place, message, "name users and numbers outside")
    elif not any(each.kind == _PHONE and number.startswith(each.match.removesuffix("*")) for each in settings.routes):
        yield Problem(place, f"no route leads to {number}", f'add a [[route]] with kind = "{_PHONE}"')
