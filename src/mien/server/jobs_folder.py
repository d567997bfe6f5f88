"""The jobs folder on disk; only what the server made in it is ever deleted.

A job's folder is deleted if two conditions hold: the jobs folder has the program's marker file, and
the job's folder has a record file with the job's id. The name of a folder is never enough, and
links are neither followed nor treated as folders.
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
    option="jobs=FOLDER",
)
"""The marker file of a jobs folder."""

RECORD = "mien-job.txt"
"""The file in each job's folder with the job's id; it is made first and deleted last."""


def new_job_id() -> str:
    """Return a random id that cannot be guessed and is a valid name of a folder."""
    return secrets.token_urlsafe(16)


class JobsFolder:
    """A folder of jobs that the program owns.

    Args:
        path: The folder; it is made if it is missing, and marked if it is empty.

    Attributes:
        path: The folder.

    Raises:
        OutputError: The path is a file, cannot be written, or holds other files; nothing in it has
            been changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        MARKER.claim(path)

    def job(self, job_id: str) -> Path:
        """Return the folder of a job's upload and results."""
        return self.path / job_id

    def make(self, job_id: str) -> Path:
        """Make a job's folder with its record.

        Raises:
            OSError: The folder exists already or cannot be written.
        """
        folder = self.job(job_id)
        folder.mkdir()
        write_new(folder / RECORD, _record(job_id))
        return folder

    def owns(self, job_id: str) -> bool:
        """Return whether a job's folder exists and was made by this program."""
        folder = self.job(job_id)
        return self._may_own(folder) and holds_text(folder / RECORD, _record(job_id))

    def _may_own(self, folder: Path) -> bool:
        within = folder.parent == self.path and folder.name != ".."
        return within and _is_folder(folder) and MARKER.is_in(self.path)

    def delete(self, job_id: str) -> bool:
        """Delete a job's folder and its contents; the targets of links stay.

        Args:
            job_id: The id of a job that is or was in the list of jobs.

        Returns:
            Whether the folder is gone. A folder that this program did not make, or that cannot be
            deleted now, stays and is logged.
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
                _LOG.warning("%s: is not deleted: this server did not make it", folder)
                return False
            folder.rmdir()  # without a record, it is empty: a server was killed before writing one
        except OSError as error:
            _LOG.warning("%s: cannot be deleted now: %s", folder, error)
            return False
        return True

    def delete_file(self, job_id: str, name: str) -> None:
        """Delete one file of a job, if this program made the job's folder."""
        if self.owns(job_id):
            (self.job(job_id) / name).unlink(missing_ok=True)


def _delete(path: Path) -> None:
    if _is_folder(path):
        shutil.rmtree(path)  # does not follow links
    else:
        path.unlink(missing_ok=True)


def _record(job_id: str) -> str:
    return f"mien job {job_id}\n"


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder and not a link to one."""
    return path.is_dir() and not path.is_symlink()
