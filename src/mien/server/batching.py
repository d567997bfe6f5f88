"""Batching: the faces of all waiting requests are classified in one run of the network."""

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
    """Classifies the crops of several callers together.

    No run is delayed to fill a batch: crops that arrive during a run go into the next one.

    Args:
        classify: Classifies crops `(B, S, S)`.
        max_crops: A run takes no further request once it has this many crops.
        on_run: Called with the size of each run.
    """

    def __init__(
        self,
        classify: Callable[[NDArray[Any]], Classification],
        *,
        max_crops: int = 64,
        on_run: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._classify, self._max_crops, self._on_run = classify, max_crops, on_run
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="mien-batcher", daemon=True)
        self._thread.start()

    def submit(self, crops: NDArray[np.float32]) -> Future[Classification]:
        """Queue crops for classification, `(B, S, S)`; B may be 0."""
        future: Future[Classification] = Future()
        self._waiting.put((crops, future))
        return future

    def close(self) -> None:
        """Classify what is queued, then stop the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, is_last = self._collect(first)
            # Requests that were cancelled while they waited are dropped; from here on none can be.
            batch = [each for each in batch if each[1].set_running_or_notify_cancel()]
            try:
                if batch:
                    all_crops = np.concatenate([crops for crops, _ in batch])
                    classified = self._classify(all_crops)
                    self._on_run(len(all_crops))
            except Exception as error:
                for _, future in batch:
                    future.set_exception(error)
            else:
                start = 0
                for crops, future in batch:
                    future.set_result(classified[start : start + len(crops)])
                    start += len(crops)
            if is_last:
                return

    def _collect(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        batch, count = [first], len(first[0])
        while count < self._max_crops:
            try:
                more = self._waiting.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return batch, True
            batch.append(more)
            count += len(more[0])
        return batch, False
