"""API keys: 256 random bits each; only their hashes are saved.

A key of 256 random bits cannot be found from its SHA-256, so a slow password hash is not needed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from pathlib import Path

from mien._output import whole_file
from mien.errors import ArtefactError, InputError

__all__ = ["KeyFile"]

_DIGEST = re.compile("[0-9a-f]{64}")


class KeyFile:
    """A JSON file of key names with their SHA-256.

    Args:
        path: The file; a missing file has no keys.

    Raises:
        ArtefactError: The file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version: tuple[int, int] | None = None
        self._hashes: dict[str, str] = {}
        self._read()

    def _read(self) -> None:
        """Read the file if it has changed since it was read last."""
        try:
            version = (self.path.stat().st_mtime_ns, self.path.stat().st_size)
        except FileNotFoundError:
            self._version, self._hashes = None, {}
            return
        if version == self._version:
            return
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            hashes = {str(name): str(digest) for name, digest in document["keys"].items()}
            for name, digest in hashes.items():
                if _DIGEST.fullmatch(digest) is None:
                    raise ValueError(f"that of {name!r} is not 64 hexadecimal digits")
            self._hashes, self._version = hashes, version
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ArtefactError(
                f"{self.path}: expected JSON with 'keys', an object of names and SHA-256: {error}. "
                "Make keys with: mien serve --keys FILE --new-key NAME"
            ) from error

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, name: str) -> str:
        """Make a key and save its hash under a name.

        Returns:
            The key; it is not saved.

        Raises:
            InputError: The name is in use or empty.
            OutputError: The file cannot be written.
        """
        if not name.strip():
            raise InputError("a key needs a name, for example that of its user")
        if name in self._hashes:
            raise InputError(
                f"{self.path}: has a key called '{name}' already. Choose another name, or remove "
                "its line from the file"
            )
        key = "mien_" + secrets.token_urlsafe(32)
        self._hashes[name] = _digest(key)
        with whole_file(self.path) as partial:
            partial.touch(mode=0o600)  # readable by the owner alone before anything is in it
            partial.write_text(json.dumps({"keys": self._hashes}, indent=1), encoding="utf-8")
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


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
