"""The fake of the tests is what the console asks for."""

from __future__ import annotations

from strowger.console.queries import Queries, RouteQuestion
from tests.support.console import ScriptedQueries


def test_the_fake_answers_all_queries() -> None:
    queries: Queries = ScriptedQueries()
    assert queries.registrations("") is not None
    assert queries.trunks().trunks == ()
    assert queries.test_route(RouteQuestion("+31")).code == ""
    assert (queries.calls(5), queries.call("x"), queries.validate_subscription("x")) == ([], None, False)
