"""API keys: 256 random bits each; only their hashes are saved.

A key of 256 random bits cannot be found from its SHA-256, so a slow password hash is not needed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import sys
from pathlib import Path
from typing import Any

from mien._checking import check_path
from mien._output import whole_file
from mien._reading import read_json
from mien.errors import ArtefactError, InputError, OutputError

__all__ = ["KeyFile"]

_FORM = (
    "JSON with 'keys', an object of names and SHA-256. Make keys with: mien serve --keys FILE "
    "--new-key NAME"
)
_SHA256 = re.compile("[0-9a-f]{64}")
_KEY_PREFIX = "mien_"
_MAX_SHOWN_NAME = 40
"""Characters; a longer name may be a key or a hash."""


class KeyFile:
    """A JSON file of key names with their SHA-256.

    Args:
        path: The file; a missing file has no keys, but its folder must be there.

    Raises:
        ArtefactError: The file is damaged, or its folder is missing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path = check_path("path", path)
        self._version: tuple[int, int] | None = None
        self._hashes: dict[str, str] = {}
        if not path.parent.exists():
            # It is not made: the path may be mistyped.
            raise ArtefactError(
                f"{path}: there is no folder {path.parent}. Make it, or correct --keys"
            )
        self._read()

    def _read(self) -> None:
        """Read the file if it has changed since it was read last."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._version, self._hashes = None, {}
            return
        except (OSError, ValueError) as error:  # below a file, or not readable
            raise ArtefactError(
                f"{self.path}: cannot be read: {error}. Expected {_FORM}"
            ) from error
        version = (found.st_mtime_ns, found.st_size)
        if version == self._version:
            return
        self._hashes = _checked(read_json(self.path, ArtefactError, expected=_FORM), self.path)
        self._version = version

    def check(self) -> None:
        """Read the file again if it has changed.

        Raises:
            ArtefactError: The file has been damaged; no value in it is part of the message.
        """
        self._read()

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, name: str) -> str:
        """Make a key and save its hash under a name.

        Returns:
            The key; it is not saved.

        Raises:
            ArtefactError: The file has been damaged.
            InputError: The name is in use or empty.
            OutputError: The file cannot be written, or belongs to another user.
        """
        if not name.strip():
            raise InputError("a key needs a name, for example that of its user")
        self._read()  # another process may have added one
        if name in self._hashes:
            raise InputError(
                f"{self.path}: has a key called '{name}' already. Choose another name, or remove "
                "its line from the file"
            )
        key = _KEY_PREFIX + secrets.token_urlsafe(32)
        hashes = self._hashes | {name: _digest(key)}
        with whole_file(self.path) as partial:
            partial.touch(mode=0o600)  # readable by the owner alone before anything is in it
            partial.write_text(json.dumps({"keys": hashes}, indent=1), encoding="utf-8")
            _keep_access(self.path, partial)
        self._version = None
        self._read()
        return key

    def find_name(self, key: str) -> str | None:
        """Return the name of a key, or None; the time does not depend on which key matches.

        A file that has changed is read again, so that added and removed keys take effect at once.

        Raises:
            ArtefactError: The file has been damaged.
        """
        self._read()
        digest = _digest(key)
        match = None
        for name, saved_digest in self._hashes.items():
            if hmac.compare_digest(digest, saved_digest):
                match = name
        return match


def _keep_access(path: Path, new: Path) -> None:
    """Give a new file the owner and the mode of the one that it replaces, whose server reads it."""
    try:
        before = path.stat()
    except FileNotFoundError:
        return
    if sys.platform != "win32":
        try:
            os.chown(new, before.st_uid, before.st_gid)
        except PermissionError as error:
            raise OutputError(
                f"{path}: belongs to the user {before.st_uid} and the group {before.st_gid}, and a "
                "file that you write would not. Make the key as that user"
            ) from error
    new.chmod(stat.S_IMODE(before.st_mode))


def _checked(document: Any, path: Path) -> dict[str, str]:
    """Return the hashes of a document.

    The messages hold no value of the file: there may be a key where a hash or a name belongs.

    Raises:
        ArtefactError: The document has another form.
    """
    if not isinstance(document, dict) or [*document] != ["keys"]:
        raise ArtefactError(f"{path}: has other fields than 'keys'. Expected {_FORM}")
    hashes = document["keys"]
    if not isinstance(hashes, dict):
        raise ArtefactError(f"{path}: field 'keys': expected a table. Expected {_FORM}")
    for number, (name, digest) in enumerate(hashes.items(), 1):
        if not (isinstance(digest, str) and _SHA256.fullmatch(digest)):
            is_key = _KEY_PREFIX in name or len(name) > _MAX_SHOWN_NAME
            field = f"entry {number} of 'keys'" if is_key else f"field 'keys.{name}'"
            raise ArtefactError(
                f"{path}: {field}: expected 64 hexadecimal digits, found something else. If it is "
                "the key itself, take it for known to others and make a new one"
            )
    return dict(hashes)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
