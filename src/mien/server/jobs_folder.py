"""The folder of jobs on the disk: what the server made there, and alone that is ever deleted.

Two signs have to agree before anything goes: the folder of all jobs carries the program's marker,
and the one job's folder carries a record of its own name. No name is ever taken for a sign, and
links are neither followed nor taken for a folder.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from pathlib import Path

from mien._marking import Marker, holds_text, write_new

__all__ = ["MARKER", "RECORD", "JobsFolder", "new_job_id"]

_LOG = logging.getLogger("mien.server")

MARKER = Marker(
    name="mien-jobs.txt",
    text="This folder belongs to `mien serve --jobs`, which deletes jobs in it when they are old.\n"
    "Keep nothing else here.\n",
    kind="folder of jobs",
    option="--jobs",
)
"""What makes a folder one of jobs."""

RECORD = "mien-job.txt"
"""The file in each job's folder that holds the job's id; it is made first and deleted last."""


def new_job_id() -> str:
    """Return a random id that nobody can guess; it can be the name of a folder."""
    return secrets.token_urlsafe(16)


class JobsFolder:
    """A folder of jobs that is the program's own.

    Args:
        path: Made if it is missing, marked if it is new or empty.

    Attributes:
        path: The folder.

    Raises:
        OutputError: It is a file, cannot be written, or holds what the program did not make; then
            nothing in it was touched.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        MARKER.claim(path)

    def job(self, job_id: str) -> Path:
        """Return where a job's upload and results are."""
        return self.path / job_id

    def make(self, job_id: str) -> Path:
        """Make a job's folder with its record.

        Raises:
            OSError: It is there already or cannot be written.
        """
        folder = self.job(job_id)
        folder.mkdir()
        write_new(folder / RECORD, _record(job_id))
        return folder

    def owns(self, job_id: str) -> bool:
        """Say whether a job's folder is there and by all signs one that this program made."""
        folder = self.job(job_id)
        return self._may_own(folder) and holds_text(folder / RECORD, _record(job_id))

    def _may_own(self, folder: Path) -> bool:
        within = folder.parent == self.path and folder.name != ".."
        return within and _is_folder(folder) and MARKER.is_in(self.path)

    def delete(self, job_id: str) -> bool:
        """Delete a job's folder with all in it; what links in it lead to stays.

        Args:
            job_id: Of a job that the list of jobs knew.

        Returns:
            Whether it is gone. What is not provably ours stays, and so does what cannot be deleted
            now; both are logged.
        """
        folder = self.job(job_id)
        if not os.path.lexists(folder):
            return True
        try:
            if self.owns(job_id):
                for each in folder.iterdir():
                    if each.name != RECORD:
                        _delete(each)
                (folder / RECORD).unlink()
            elif not self._may_own(folder) or any(folder.iterdir()):
                _LOG.warning("%s: is not deleted, since this server did not make it", folder)
                return False
            folder.rmdir()  # empty from the beginning if a server was killed before the record
        except OSError as error:
            _LOG.warning("%s: cannot be deleted now: %s", folder, error)
            return False
        return True

    def delete_file(self, job_id: str, name: str) -> None:
        """Delete one file of a job; a folder that is not ours stays as it is."""
        if self.owns(job_id):
            (self.job(job_id) / name).unlink(missing_ok=True)


def _delete(path: Path) -> None:
    if _is_folder(path):
        shutil.rmtree(path)  # which follows no links
    else:
        path.unlink(missing_ok=True)


def _record(job_id: str) -> str:
    return f"mien job {job_id}\n"


def _is_folder(path: Path) -> bool:
    """Say whether a path is a folder itself, rather than a link to one."""
    return path.is_dir() and not path.is_symlink()
