"""A subscription that is told of some calls only: the others are calls that nobody is told of."""

from __future__ import annotations

import pytest

from strowger.phones.behaviours import Answer
from strowger.phones.incoming import LegState
from tests.e2e.stage import Stage
from tests.support.server import NUMBER, SECOND_NUMBER, THIRD_NUMBER

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio]

SOON = 5.0
FILTERS = {
    "included_event_types": ["Microsoft.Communication.IncomingCall"],
    "subject_begins_with": "/CALLER/4:+316",
    "advanced_filters": [
        {"operatorType": "StringNotIn", "key": "data.to.phoneNumber.value", "values": [SECOND_NUMBER]},
        {"operatorType": "StringNotContains", "key": "Data.To.RawId", "values": ["8:ACS:"]},
        {"operatorType": "IsNullOrUndefined", "key": "data.customContext.sipHeaders.x-silent"},
    ],
}


async def test_a_call_that_no_filter_lets_pass_is_told_to_nobody(stage: Stage) -> None:
    target = await stage.phone("target", Answer())
    ann = await stage.phone("ann", Answer())
    await stage.serve(trunk=target.uri, users={"ann": [ann.uri], "bob": []}, filters=FILTERS)
    caller = await stage.caller()

    told = stage.call(caller)
    event = await stage.application.event()
    await told.wait_for(180, SOON)
    await stage.redirect(event)
    assert (await told.final(SOON)).status == 200
    await told.hang_up()

    untold = stage.call(caller, SECOND_NUMBER)
    assert (await untold.final(SOON)).status == 480, "at once: there is nobody to wait for"
    headed = caller.call(
        f"sip:{NUMBER}@127.0.0.1:{stage.server.sip_port}",
        proxy=stage.server.sip_address,
        headers=[("X-Silent", "1")],
    )
    assert (await headed.final(SOON)).status == 480

    rung = stage.call(caller, "ann")
    assert (await rung.final(SOON)).status == 200, "a phone rings without anybody being told"
    await (await ann.leg(timeout_s=SOON)).reached(LegState.CONFIRMED, SOON)
    await rung.hang_up()

    again = stage.call(caller, THIRD_NUMBER)
    await stage.redirect(await stage.application.event(1), "bob")
    assert (await again.final(SOON)).status == 480, "bob has no phone, and nobody is told of him"
    assert [each.to for each in stage.application.events] == [f"4:{NUMBER}", f"4:{THIRD_NUMBER}"]
