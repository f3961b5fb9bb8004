import re
from pathlib import Path

import pytest

import strowger.storage
from strowger.storage.queries import QUERIES, parse


def test_a_statement_is_found_by_its_name():
    text = "-- A file.\n\n-- name: one\n-- Says one.\nSELECT\n1;\n\n-- name: two\n-- Says two.\nSELECT 2;\n"
    assert parse(text) == {"one": "SELECT\n1", "two": "SELECT 2"}


@pytest.mark.parametrize(
    "text",
    [
        "-- Says one.\nSELECT 1;",
        "-- name: one\nSELECT 1;",
        "-- name: one\n-- Says one.\nSELECT 1",
        "-- name: one\n-- Says one.\nSELECT 1;\n\n-- name: one\n-- Says one.\nSELECT 1;",
        "SELECT 1;",
    ],
)
def test_a_statement_without_name_sentence_or_end_is_refused(text):
    with pytest.raises(ValueError, match="not a named statement"):
        parse(text)


def test_every_statement_is_used_and_none_is_missing():
    sources = "".join(path.read_text() for path in Path(strowger.storage.__file__).parent.glob("*.py"))
    used = set(re.findall(r'QUERIES\["(\w+)"\]', sources)) | {"drop_legs", "prune_calls", "prune_receipts"}
    assert used == set(QUERIES)
