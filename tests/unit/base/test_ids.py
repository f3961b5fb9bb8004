"""The sources of chance of strowger.base.ids."""

from __future__ import annotations

import base64
import uuid

import pytest

from strowger.base.ids import Ids, SeededIds, SystemIds

SOURCES = [SystemIds(), SeededIds(7)]


@pytest.mark.parametrize("ids", SOURCES)
@pytest.mark.parametrize(("nbytes", "length"), [(1, 2), (3, 4), (16, 22), (32, 43)])
def test_a_token_is_unpadded_url_safe_base64(ids: Ids, nbytes: int, length: int) -> None:
    token = ids.token(nbytes)
    assert len(token) == length
    assert len(base64.urlsafe_b64decode(token + "=" * (-length % 4))) == nbytes


@pytest.mark.parametrize("ids", SOURCES)
def test_a_uuid_is_version_4_in_lower_case(ids: Ids) -> None:
    text = ids.uuid4()
    assert text == str(uuid.UUID(text)) == text.lower()
    assert uuid.UUID(text).version == 4
    assert uuid.UUID(text).variant == uuid.RFC_4122


@pytest.mark.parametrize("ids", SOURCES)
def test_identifiers_differ(ids: Ids) -> None:
    assert len({ids.token() for _ in range(200)} | {ids.uuid4() for _ in range(200)}) == 400


@pytest.mark.parametrize("ids", SOURCES)
def test_a_fraction_lies_from_0_up_to_1(ids: Ids) -> None:
    drawn = [ids.fraction() for _ in range(200)]
    assert 0 <= min(drawn) < max(drawn) < 1


def test_a_seed_repeats_itself() -> None:
    first, second = SeededIds(1), SeededIds(1)
    assert [first.token(), first.uuid4(), first.fraction()] == [second.token(), second.uuid4(), second.fraction()]


def test_another_seed_gives_other_identifiers() -> None:
    assert SeededIds(1).token() != SeededIds(2).token()
