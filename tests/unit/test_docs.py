"""What the documents show must hold: settings load, commands exist, events have the members of real ones, links lead
somewhere.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import pytest

from strowger.calls.call import Failure, Hop, Opening
from strowger.cli import main
from strowger.events import schema
from strowger.events.envelope import encoded
from strowger.events.redirect_outcome import outcome_event
from strowger.settings import load
from strowger.settings.rows import sections
from tests.support import reports

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SECTIONS: Final = {section.key for _, section in sections()}
SHOP: Final = "6f1d4f0e-5d3a-4a53-9a2b-0f6f3f0f7c11"
AROUND: Final[dict[str, list[dict[str, Any]]]] = {
    "resource": [{"name": "shop", "id": SHOP, "hosts": ["localhost"]}],
    "number": [{"resource": "shop", "e164": "+31201110001"}],
    "user": [
        {"resource": "shop", "name": name, "id": f"8:acs:{SHOP}_{name}", "contacts": ["sip:phone@192.0.2.7"]}
        for name in ("alice", "bob")
    ],
    "trunk": [{"name": "carrier", "uri": "sip:sbc.example"}],
    "route": [{"kind": "phoneNumber", "match": "+31*", "to": "carrier"}],
}
"""What a reader has who pastes an example that shows some tables only."""


class Block(NamedTuple):
    """One fenced block."""

    place: str
    language: str
    text: str


def blocks() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
            place = f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}"
            yield Block(place, found[1], found[2])


def of(language: str) -> list[Any]:
    return [pytest.param(each.text, id=each.place) for each in blocks() if each.language == language]


def test_every_block_says_what_it_is_or_is_a_terminal() -> None:
    assert {each.language for each in blocks()} <= {"", "toml", "json"}
    assert len(of("toml")) >= 7
    assert len(of("json")) >= 2


@pytest.mark.parametrize("text", of("toml"))
def test_settings_that_are_shown_can_be_used(text: str, tmp_path: Path) -> None:
    (tmp_path / "bob").write_text("secret")
    document = tomllib.loads(text.replace("/etc/strowger", str(tmp_path)))
    if not document.keys() <= SECTIONS:  # rows of a subscription, without its head
        document = {"subscription": [{"resource": "shop", "name": "app", "endpoint": "https://a.example/"} | document]}
    settings = load(None, {}, AROUND | document)
    assert all(len(document[key]) == len(getattr(settings, name)) for name, key in _tables() if key in document)


def _tables() -> Iterator[tuple[str, str]]:
    return ((name, section.key) for name, section in sections() if section.many)


def a_returned_call() -> dict[str, Any]:
    call = reports.a_redirected_call()
    failure = Failure("4:+31612345678", 486, "Busy Here", "busy", 17)
    call.hops.append(Hop(call.hops[0].to, 0.0, 30.0, "evt", opening=Opening.RETURNED, failure=failure))
    data: dict[str, Any] = json.loads(schema.incoming_call(call, "c", "/t", 0.0, display_name="", headers={}))["data"]
    return data


def a_failed_redirect() -> dict[str, Any]:
    event: dict[str, Any] = json.loads(encoded(outcome_event(reports.failed(), "id", "/topic", 0)))
    return event


@pytest.mark.parametrize("text", of("json"))
def test_members_that_are_shown_are_those_of_real_events(text: str) -> None:
    shown = json.loads(text if text.startswith("{") else f"{{{text}}}")
    real = a_failed_redirect() if "eventType" in shown else a_returned_call()
    assert shape(shown).items() <= shape({name: real[name] for name in shown}).items()


def shape(value: Any) -> dict[str, str]:
    """Each member by its path with its type; entries of a list have the members of all of them."""
    found: dict[str, str] = {}
    entries = value.items() if isinstance(value, dict) else [("[]", each) for each in value]
    for name, each in entries:
        found[name] = type(each).__name__
        if isinstance(each, dict | list):
            found |= {f"{name}.{path}": kind for path, kind in shape(each).items()}
    return found


def command_lines() -> Iterator[tuple[str, str]]:
    for block in blocks():
        joined = block.text.replace("\\\n", " ")
        for line in joined.splitlines() if not block.language else ():
            if line.startswith(("strowger ", ".venv/bin/strowger ")):
                yield block.place, re.split(r"   | -- ", line)[0].replace("...", "")


@pytest.mark.parametrize("line", [pytest.param(line, id=f"{place} {line[:40]}") for place, line in command_lines()])
def test_commands_that_are_shown_exist(line: str) -> None:
    words = shlex.split(line)[1:]
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    known = {name for each in command.params if isinstance(each, click.Option) for name in each.opts}
    assert {word.strip("[]") for word in words if word.strip("[").startswith("--")} <= known


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs/decisions"
    index = set(LINK.findall((folder / "README.md").read_text(encoding="utf-8")))
    assert {path.name for path in folder.glob("0*.md")} == index


LINK: Final = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    lost = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not _is_there(page, link)]
    assert lost == []


def _is_there(page: Path, link: str) -> bool:
    if "://" in link:
        return True
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    return target.exists() and (not anchor or anchor in _anchors(target))


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
