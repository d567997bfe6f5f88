"""The faces of all requests that wait, judged in one run of the emotion network."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.inference import Classification

__all__ = ["Batcher"]

_Waiting = tuple[NDArray[np.float32], "Future[Classification]"]


class Batcher:
    """Runs a function over the crops of several callers at once.

    It waits for nothing: whoever came while the last run was under way goes into the next one.

    Args:
        run: Takes crops `(B, S, S)` and classifies them.
        most: Crops per run, unless one caller brings more.
        ran: Hears of the size of each run.
    """

    def __init__(
        self,
        run: Callable[[NDArray[Any]], Classification],
        *,
        most: int = 64,
        ran: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._run, self._most, self._ran = run, most, ran
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="mien-batcher", daemon=True)
        self._thread.start()

    def submit(self, crops: NDArray[np.float32]) -> Future[Classification]:
        """Ask for the classification of some crops, `(B, S, S)`; B may be 0."""
        future: Future[Classification] = Future()
        self._waiting.put((crops, future))
        return future

    def close(self) -> None:
        """Finish what waits and end."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, ending = self._gathered(first)
            # A caller that gave up has cancelled; from here on nobody can.
            batch = [each for each in batch if each[1].set_running_or_notify_cancel()]
            try:
                if batch:
                    together = np.concatenate([crops for crops, _ in batch])
                    found = self._run(together)
                    self._ran(len(together))
            except Exception as error:
                for _, future in batch:
                    future.set_exception(error)
            else:
                place = 0
                for crops, future in batch:
                    future.set_result(found[place : place + len(crops)])
                    place += len(crops)
            if ending:
                return

    def _gathered(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        batch, count = [first], len(first[0])
        while count < self._most:
            try:
                more = self._waiting.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return batch, True
            batch.append(more)
            count += len(more[0])
        return batch, False
