import subprocess
import sys

import optuna
import pytest
from optuna.storages import JournalStorage, RDBStorage

from mien.errors import InputError
from mien.tuning import open_storage
from mien.tuning.storage import shown_storage


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


def test_several_may_begin_a_storage_at_the_same_moment(tmp_path):
    path = str(tmp_path / "study.db")
    code = "import sys; from mien.tuning import open_storage; open_storage(sys.argv[1])"
    children = [
        subprocess.Popen([sys.executable, "-c", code, path], stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [child.communicate(timeout=120)[1] for child in children]
    assert [child.returncode for child in children] == [0, 0, 0], said


def test_a_password_is_never_shown():
    assert "secret" not in shown_storage("postgresql://me:secret@host/name")
    assert shown_storage("a.db") == "a.db"
