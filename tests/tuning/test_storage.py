import errno
import types

import optuna
import pytest
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileOpenLock
from sqlalchemy.exc import IntegrityError, OperationalError

from mien.errors import InputError, OutputError
from mien.tuning import open_storage, storage
from mien.tuning.storage import redacted_storage, storage_errors


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a/study.db", RDBStorage), ("study.journal", JournalStorage), ("x.log", JournalStorage)],
)
def test_a_path_says_by_its_ending_what_it_is(tmp_path, name, kind):
    path = tmp_path / name
    storage = open_storage(str(path))
    assert isinstance(storage, kind)
    optuna.create_study(storage=storage, study_name="a")
    assert path.exists()


@pytest.mark.parametrize("name", ["what?", "{a}", "100%41"])
def test_a_path_with_characters_of_an_address_is_that_file(tmp_path, name):
    path = tmp_path / name / "study.db"
    optuna.create_study(storage=open_storage(str(path)), study_name="a")
    assert path.exists()
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert optuna.get_all_study_names(open_storage(str(path))) == ["a"]


def test_windows_needs_no_privilege_for_a_journal(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "os", types.SimpleNamespace(name="nt"))
    opened = open_storage(str(tmp_path / "study.journal"))
    assert isinstance(opened._backend._lock, JournalFileOpenLock)
    optuna.create_study(storage=opened, study_name="a")
    assert optuna.get_all_study_names(open_storage(str(tmp_path / "study.journal"))) == ["a"]


def test_a_journal_on_a_full_disk_is_one_clear_line(tmp_path, monkeypatch):
    path = tmp_path / "study.journal"
    study = optuna.create_study(storage=open_storage(str(path)), study_name="a")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with (
        pytest.raises(OutputError, match=r"study\.journal: the storage failed: .*No space left"),
        storage_errors(str(path)),
    ):
        study.ask()


def test_an_address_is_taken_as_it_is(tmp_path):
    storage = open_storage(f"sqlite:///{tmp_path}/other.db")
    assert isinstance(storage, RDBStorage)
    assert (tmp_path / "other.db").exists()


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        ("sqlite:////proc/no/such.db", "unable to open database file"),
        ("nosuchbase://host/name", "nosuchbase"),
        ("postgresql+psycopg2://me:secret@localhost:9/a", "driver is not installed|refused"),
        ("/proc/no/study.db", "No such file"),
    ],
)
def test_an_unreachable_storage_is_one_clear_line(storage, reason):
    with pytest.raises(InputError, match=reason) as caught:
        open_storage(storage)
    said = str(caught.value)
    assert "\n" not in said
    assert "give a path for an SQLite file" in said
    assert "secret" not in said


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "study.db"
    path.write_text("not a database at all" * 100)
    with pytest.raises(InputError, match="file is not a database"):
        open_storage(str(path))


@pytest.mark.parametrize(
    "fault",
    [
        IntegrityError("INSERT", {}, Exception("UNIQUE constraint failed")),
        OperationalError("CREATE", {}, Exception("table studies already exists")),
    ],
)
def test_a_storage_whose_tables_somebody_else_is_making_is_tried_again(
    tmp_path, monkeypatch, fault
):
    faults = [fault]

    def create(*arguments, **options):
        if faults:
            raise faults.pop()
        return RDBStorage(*arguments, **options)

    monkeypatch.setattr(storage, "RDBStorage", create)
    assert isinstance(open_storage(str(tmp_path / "study.db")), RDBStorage)


def test_a_password_is_never_shown():
    assert "secret" not in redacted_storage("postgresql://me:secret@host/name")
    assert redacted_storage("a.db") == "a.db"


def test_a_storage_that_fails_later_is_one_clear_line():
    full = OperationalError("INSERT", {}, Exception("database or disk is full"))
    wrapped = optuna.exceptions.StorageInternalError("invalid data in the commit")
    wrapped.__cause__ = full
    for error in (full, wrapped):
        with pytest.raises(OutputError) as raised, storage_errors("study.db"):
            raise error
        assert str(raised.value).startswith(
            "study.db: the storage failed: database or disk is full. Run the same command again"
        )
