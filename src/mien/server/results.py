"""The results of jobs as files: JSON Lines as they were written, other formats made on request."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from mien.errors import MissingExtraError, OutputError
from mien.media import open_writer
from mien.server.errors import ApiError

__all__ = ["ResultFiles"]

_LOG = logging.getLogger("mien.server")

_ROWS_PER_WRITE = 5000
_MAX_CONVERSIONS = 2


class ResultFiles:
    """Makes each file once, whoever asks for it meanwhile, and only a few at the same time.

    A file that is there already waits for no other.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_MAX_CONVERSIONS, "mien-results")
        self._running: dict[Path, Future[os.stat_result]] = {}

    async def get(self, folder: Path, format: str, *, units: bool) -> tuple[Path, os.stat_result]:
        """Return the file of a job's rows in a format; it is made at the first request.

        Raises:
            ApiError: 404 if the results were removed or damaged, 501 without the format's extra,
                503 if the file cannot be written.
        """
        path = folder / f"results.{format}"
        status = await asyncio.to_thread(_status, path)
        if status is None:
            making = self._submit(path, lambda: _convert(folder, path, units=units))
            # A caller that goes away takes the file from no other.
            status = await asyncio.shield(asyncio.wrap_future(making))
        return path, status

    def _submit(self, path: Path, make: Callable[[], os.stat_result]) -> Future[os.stat_result]:
        making = self._running.get(path)
        if making is None:
            making = self._running[path] = self._pool.submit(make)
            making.add_done_callback(lambda _: self._running.pop(path, None))
        return making


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None


def _convert(folder: Path, path: Path, *, units: bool) -> os.stat_result:
    made_since = _status(path)
    if made_since is not None:
        return made_since
    try:
        with (
            (folder / "results.jsonl").open(encoding="utf-8") as lines,
            open_writer(path, units=units) as writer,
        ):
            rows = map(json.loads, lines)
            while block := list(itertools.islice(rows, _ROWS_PER_WRITE)):
                writer.write_rows(block)
        return path.stat()
    except MissingExtraError as error:
        raise ApiError(501, str(error)) from error
    except FileNotFoundError as error:
        message = "the results were removed on the server; send the video again"
        raise ApiError(404, message) from error
    except ValueError as error:
        message = "the results were damaged on the server; send the video again"
        raise ApiError(404, message) from error
    except (OSError, OutputError) as error:
        _LOG.error("%s cannot be written: %s", path, error)
        message = f"the server cannot write the results as {path.suffix[1:]}; try again later"
        raise ApiError(503, message, headers={"Retry-After": "60"}) from error
