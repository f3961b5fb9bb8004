from __future__ import annotations

import pytest

from strowger.acs.errors import OperationNotImplemented
from strowger.acs.operations.identity import exchange_access_token
from tests.support.tokens import Mint, asked


@pytest.mark.asyncio
async def test_it_is_refused_with_the_reason_and_what_to_do() -> None:
    with pytest.raises(OperationNotImplemented, match="Entra users who ask for it themselves") as refused:
        await exchange_access_token.answer(Mint().service, asked({}))
    assert (refused.value.status, refused.value.code) == (501, "8520")
