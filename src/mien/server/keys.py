"""API keys: 256 random bits each, of which only the hash is kept.

A key of that many random bits cannot be guessed from its SHA-256, so that no slow password hash is
needed, and a request costs no more than a comparison.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from pathlib import Path

from mien._output import whole_file
from mien.errors import ArtefactError, InputError

__all__ = ["KeyFile"]


class KeyFile:
    """A JSON file of key names with their SHA-256.

    Args:
        path: The file; missing is the same as empty.

    Raises:
        ArtefactError: The file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._written: tuple[int, int] | None = None
        self._hashes: dict[str, str] = {}
        self._read()

    def _read(self) -> None:
        """Read the file if it is another than that which was read last."""
        try:
            written = (self.path.stat().st_mtime_ns, self.path.stat().st_size)
        except FileNotFoundError:
            self._written, self._hashes = None, {}
            return
        if written == self._written:
            return
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            self._hashes = {str(name): str(digest) for name, digest in found["keys"].items()}
            self._written = written
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtefactError(
                f"{self.path}: expected JSON with 'keys', names and their SHA-256: {error}. "
                "Make keys with: mien serve --keys FILE --new-key NAME"
            ) from error

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, name: str) -> str:
        """Make a key and keep its hash under a name.

        Returns:
            The key, which is not kept anywhere.

        Raises:
            InputError: There is a key of that name, or it is no name.
            OutputError: The file cannot be written.
        """
        if not name.strip():
            raise InputError("a key needs a name that says whose it is")
        if name in self._hashes:
            raise InputError(
                f"{self.path}: there is a key called '{name}' already. Choose another name, or "
                "take its line out of the file"
            )
        key = "mien_" + secrets.token_urlsafe(32)
        self._hashes[name] = _digest(key)
        with whole_file(self.path) as partial:
            partial.touch(mode=0o600)  # readable by the owner alone before anything is in it
            partial.write_text(json.dumps({"keys": self._hashes}, indent=1), encoding="utf-8")
        return key

    def name_of(self, key: str) -> str | None:
        """Return the name of a key, or None; takes as long whichever it is.

        A file that has changed is read again: keys that were added or taken out since count.

        Raises:
            ArtefactError: It is damaged by now.
        """
        self._read()
        digest = _digest(key)
        found = None
        for name, known in self._hashes.items():
            if hmac.compare_digest(digest, known):
                found = name
        return found


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
