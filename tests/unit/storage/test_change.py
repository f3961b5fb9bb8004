import sqlite3

import pytest

from strowger.storage.change import Change


def test_a_change_says_itself_what_to_write():
    with pytest.raises(NotImplementedError):
        Change().write(sqlite3.connect(":memory:").cursor())
