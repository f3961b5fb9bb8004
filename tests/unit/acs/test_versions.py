from __future__ import annotations

import pytest

from strowger.acs.errors import ArgumentInvalid
from strowger.acs.versions import KNOWN, NEWEST, version_of, warning_for


@pytest.mark.parametrize("version", sorted(KNOWN))
def test_every_published_version_is_known(version: str) -> None:
    assert version_of(f"api-version={version}") == version
    assert warning_for(version) is None


@pytest.mark.parametrize("version", ["2021-06-15-preview", "2030-01-31", "2027-01-01-preview2"])
def test_an_unknown_version_is_taken_with_a_warning(version: str) -> None:
    assert version_of(f"api-version={version}") == version
    assert warning_for(version) == (
        f'299 - "api-version {version} is unknown to this server and is answered as {NEWEST}"'
    )


@pytest.mark.parametrize("query", ["", "a=b", "apiversion=2026-03-12", "api_version=2026-03-12"])
def test_a_missing_version(query: str) -> None:
    with pytest.raises(ArgumentInvalid, match="is missing; send api-version=2026-03-12") as caught:
        version_of(query)
    assert caught.value.target == "api-version"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        "latest",
        "2026-3-12",
        "2026-13-01",
        "2026-00-01",
        "2026-01-32",
        "2026-03-12-beta",
        "2026-03-12x",
        "x2026-03-12",
        "2026-03-12%0D%0AX:%20y",
        "2026%2003-12",
        "٢٠٢٦-03-12",
        "2026-03-12%00",
        "%ff",
        "2026-03-12%0A",
    ],
)
def test_a_malformed_version(value: str) -> None:
    with pytest.raises(ArgumentInvalid, match="is no api-version"):
        version_of(f"api-version={value}")


def test_a_version_given_twice() -> None:
    with pytest.raises(ArgumentInvalid, match="is given 2 times"):
        version_of("api-version=2026-03-12&api-version=2026-03-12")
    with pytest.raises(ArgumentInvalid, match="is given 2 times"):
        version_of("api-version=2026-03-12&API-Version=2025-06-15")


@pytest.mark.parametrize(
    "query",
    [
        "a=b&api-version=2026-03-12",
        "api%2Dversion=2026%2D03%2D12",
        "Api-Version=2026-03-12&&",
        "&api-version=2026-03-12",
    ],
)
def test_other_spellings_of_the_query(query: str) -> None:
    assert version_of(query) == "2026-03-12"
