"""`strowger dead-letter` against the console itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from strowger.cli.dead_letter import row
from strowger.console.dead_letters import LetterGoneView
from strowger.console.errors import NotThere
from tests.support.console import Bench, a_letter, invoke

pytestmark = pytest.mark.asyncio

SHOWN = (
    "1e77e400  2026-01-01T00:00:30.000Z  dev/app  IncomingCall  "
    "TimeToLiveExceeded after 9 attempts, Busy: answered 503  call ca110000\n"
)


async def test_list(bench: Bench, token_file: Path) -> None:
    result = await invoke(bench, token_file, "dead-letter", "list")
    assert (result.exit_code, result.output) == (0, SHOWN)
    bench.queries.dead_letters.kept = 3
    result = await invoke(bench, token_file, "dead-letter", "list", "--limit", "9", "--subscription", "dev/app")
    assert result.output == SHOWN + "2 more are kept.\n"
    assert bench.queries.dead_letters.asked == [("newest", 50, ""), ("newest", 9, "dev/app")]
    (shown,) = json.loads((await invoke(bench, token_file, "dead-letter", "list", "--json")).output)
    assert (shown["letter_id"], shown["dead_letter_reason"]) == ("1e77e400-0000", "TimeToLiveExceeded")
    bench.queries.dead_letters.known.clear()
    result = await invoke(bench, token_file, "dead-letter", "list")
    assert result.output == "No dead letters: every event was delivered, or is still on its way.\n"
    result = await invoke(bench, token_file, "dead-letter", "list", "--subscription", "dev/app")
    assert result.output == "No dead letters of dev/app: every event was delivered, or is still on its way.\n"
    result = await invoke(bench, token_file, "dead-letter", "list", "--subscription", "app")
    assert result.exit_code == 2
    assert result.output == "Error: --subscription is RESOURCE/NAME, as the list shows it, and not 'app' alone.\n"


async def test_one_letter_on_one_line() -> None:
    assert "after 1 attempt, " in row(a_letter(delivery_attempts=1))
    assert "\x1b" not in row(a_letter(why="\x1b[2J", subscription="\x1b", event_type="\x1b"))


async def test_show(bench: Bench, token_file: Path) -> None:
    result = await invoke(bench, token_file, "dead-letter", "show", "1e77")
    assert result.output == SHOWN + '{\n  "id": "e7e20000-0000",\n  "data": {}\n}\n'
    whole = json.loads((await invoke(bench, token_file, "dead-letter", "show", "1e77", "--json")).output)
    assert whole["event"] == {"id": "e7e20000-0000", "data": {}}


async def test_resend_and_remove(bench: Bench, token_file: Path) -> None:
    result = await invoke(bench, token_file, "dead-letter", "resend", "1e77", "2e77")
    assert result.output == "1e77e400: the event e7e20000-0000 is on its way again.\n" * 2
    result = await invoke(bench, token_file, "dead-letter", "remove", "1e77")
    assert result.output == "1e77e400: the event e7e20000-0000 is forgotten.\n"
    (gone,) = json.loads((await invoke(bench, token_file, "dead-letter", "remove", "1e77", "--json")).output)
    assert gone == {"letter_id": "1e77e400-0000", "event_id": "e7e20000-0000", "is_resent": False}
    assert [asked[:2] for asked in bench.queries.dead_letters.asked] == [
        ("resend", "1e77"), ("resend", "2e77"), ("remove", "1e77"), ("remove", "1e77"),
    ]  # fmt: skip


async def test_what_was_done_before_one_failed_is_told(
    bench: Bench, token_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resend = bench.queries.dead_letters.resend

    async def only_once(letter_id: str, event: Mapping[str, object] | None) -> LetterGoneView:
        bench.queries.dead_letters.fails_with = NotThere("No dead letter.") if letter_id == "2e77" else None
        return await resend(letter_id, event)

    monkeypatch.setattr(bench.queries.dead_letters, "resend", only_once)
    result = await invoke(bench, token_file, "dead-letter", "resend", "1e77", "2e77", "3e77")
    assert result.exit_code == 1
    assert result.output == "1e77e400: the event e7e20000-0000 is on its way again.\nError: No dead letter.\n"


async def test_edit_a_file(bench: Bench, token_file: Path, tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"id": "e7e20000-0000", "data": {"a": 1}}')
    result = await invoke(bench, token_file, "dead-letter", "edit", "1e77", "--file", str(event))
    assert (result.exit_code, bench.queries.dead_letters.asked) == (
        0, [("resend", "1e77", {"id": "e7e20000-0000", "data": {"a": 1}})],
    )  # fmt: skip
    event.write_text("no event")
    result = await invoke(bench, token_file, "dead-letter", "edit", "1e77", "--file", str(event))
    assert result.exit_code != 0
    assert "This is no event, which is one JSON object" in result.output


async def test_edit_in_an_editor(bench: Bench, token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def editor(text: str, extension: str) -> str | None:
        seen.append(text)
        return text.replace("{}", '{"a": 1}')

    monkeypatch.setattr(click, "edit", editor)
    result = await invoke(bench, token_file, "dead-letter", "edit", "1e77")
    assert result.exit_code == 0
    assert seen == ['{\n  "id": "e7e20000-0000",\n  "data": {}\n}']
    assert bench.queries.dead_letters.asked[-1] == ("resend", "1e77", {"id": "e7e20000-0000", "data": {"a": 1}})


@pytest.mark.parametrize("left", [None, '{\n  "id": "e7e20000-0000",\n  "data": {}\n}\n'])
async def test_what_nobody_changed_is_not_sent(
    bench: Bench, token_file: Path, monkeypatch: pytest.MonkeyPatch, left: str | None
) -> None:
    monkeypatch.setattr(click, "edit", lambda text, extension: left)
    result = await invoke(bench, token_file, "dead-letter", "edit", "1e77")
    assert "Nothing was changed, and nothing is sent" in result.output
    assert [asked[0] for asked in bench.queries.dead_letters.asked] == ["one"]


async def test_one_that_is_not_there(bench: Bench, token_file: Path) -> None:
    bench.queries.dead_letters.fails_with = NotThere("No dead letter has this id.")
    result = await invoke(bench, token_file, "dead-letter", "show", "1e77")
    assert result.exit_code != 0
    assert "No dead letter has this id." in result.output
