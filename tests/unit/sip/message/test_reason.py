from __future__ import annotations

import pytest

from strowger.sip.message import Response
from strowger.sip.message.reason import q850_cause


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        (['Q.850;cause=17;text="User busy"'], 17),
        (["q.850 ; cause=1"], 1),
        (['SIP;cause=200;text="Q.850;cause=3, elsewhere", Q.850;cause=127'], 127),
        (["SIP;cause=486", "Q.850;text=none;cause=21"], 21),
        (["Q.850;cause=31", "Q.850;cause=16"], 31),
        (["SIP;cause=486"], 0),
        (["Q.850"], 0),
        (["Q.850;cause"], 0),
        (["Q.850;cause=0"], 0),
        (["Q.850;cause=128"], 0),
        (["Q.850;cause=seventeen"], 0),
        (['Q.850;cause=17;text="never closed'], 0),
        ([""], 0),
        ([], 0),
    ],
)
def test_the_cause_of_the_telephone_network(values: list[str], cause: int) -> None:
    response = Response.make(486, "Busy Here", [("Reason", value) for value in values])
    assert q850_cause(response) == cause
