import os

import pytest

from strowger.storage.errors import DirectoryInUse
from strowger.storage.lock import LOCK_NAME, DirectoryLock


def test_the_second_holder_is_refused_and_told_who_the_first_is(tmp_path):
    first = DirectoryLock(tmp_path)
    with pytest.raises(DirectoryInUse, match=f"{tmp_path} is in use by process {os.getpid()}"):
        DirectoryLock(tmp_path)
    first.release()
    DirectoryLock(tmp_path).release()


def test_a_refused_holder_leaves_no_descriptor_open(tmp_path):
    first = DirectoryLock(tmp_path)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(DirectoryInUse):
        DirectoryLock(tmp_path)
    assert os.listdir("/proc/self/fd") == before
    first.release()


def test_the_file_of_a_dead_process_is_no_lock(tmp_path):
    (tmp_path / LOCK_NAME).write_text("123456789 and more that was there")
    lock = DirectoryLock(tmp_path)
    assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"
    lock.release()


def test_the_file_is_closed_to_others(tmp_path):
    DirectoryLock(tmp_path).release()
    assert (tmp_path / LOCK_NAME).stat().st_mode & 0o777 == 0o600
