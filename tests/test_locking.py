import errno

import pytest

from mien import _locking
from mien._locking import file_lock
from mien.errors import OutputError


def test_a_lock_is_held_by_one_at_a_time_and_leaves_no_file(tmp_path):
    path = tmp_path / "new" / "work.lock"
    for _ in range(2):
        with file_lock(path, held="busy", remove=True):
            assert path.exists()
            with pytest.raises(OutputError, match=r"^busy$"), file_lock(path, held="busy"):
                pass
        assert not path.exists()


def test_a_lock_of_a_file_that_was_removed_meanwhile_counts_for_nothing(tmp_path, monkeypatch):
    path, lock, files = tmp_path / "work.lock", _locking._lock, []

    def lock_once_removed(file, *, shared):
        if not files:
            path.unlink()  # as its holder does at the end
        files.append(file)
        lock(file, shared=shared)

    monkeypatch.setattr(_locking, "_lock", lock_once_removed)
    with file_lock(path, held="busy"):
        assert [file.closed for file in files] == [True, False]
        assert path.exists()


def test_where_a_file_system_knows_no_locks_nothing_is_refused(tmp_path, monkeypatch):
    def lock(file, *, shared):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(_locking, "_lock", lock)
    with file_lock(tmp_path / "work.lock", held="busy"), file_lock(tmp_path / "work.lock", held=""):
        pass
