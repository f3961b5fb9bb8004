"""The stage of the end-to-end tests: one server, one application and any number of phones, all real, all ended with the
test; the server's log is shown with a failure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.e2e.stage import Stage

LOG_SHOWN = 20_000
_stages = pytest.StashKey[list[Stage]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what the server said to the report of a failure."""
    report = yield
    if report.failed:
        for stage in item.stash.get(_stages, []):
            report.sections.append(("server log", stage.log[-LOG_SHOWN:]))
    return report


@pytest_asyncio.fixture
async def stage(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """A stage of which everything is cleared away afterwards, whatever happens on it."""
    stage = Stage(tmp_path)
    request.node.stash.setdefault(_stages, []).append(stage)
    await stage.application.start()
    try:
        yield stage
    finally:
        await stage.close()
