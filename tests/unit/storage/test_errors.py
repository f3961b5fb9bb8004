from pathlib import Path

from strowger.storage.errors import DatabaseTooNew, DatabaseUnusable, DirectoryInUse, RecordUnreadable, StoreError


def test_each_error_says_what_to_do_or_what_is_wrong():
    directory = Path("/data")
    assert [str(error) for error in (DirectoryInUse(directory, "42"), DirectoryInUse(directory, ""))] == [
        "/data is in use by process 42: stop it, or give this server a data directory of its own",
        "/data is in use by another process: stop it, or give this server a data directory of its own",
    ]
    assert str(DatabaseTooNew(found=7, known=4)) == (
        "the database has schema 7, this program knows up to 4: "
        "run the version that wrote it, or restore a backup made before the upgrade"
    )
    assert str(DatabaseUnusable(directory / "strowger.db", "no")) == "cannot use the database /data/strowger.db: no"
    assert str(RecordUnreadable("abcd", "no")) == "cannot read the stored call abcd: no"


def test_all_have_one_root():
    assert {each.__name__ for each in StoreError.__subclasses__()} == {
        "DirectoryInUse",
        "DatabaseTooNew",
        "DatabaseUnusable",
        "RecordUnreadable",
    }
