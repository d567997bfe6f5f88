"""Prefetching: the stages of a pipeline run in threads, with bounded queues between them."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

__all__ = ["prefetch"]

T = TypeVar("T")

_END = object()
_POLL_S = 0.1


def prefetch(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Run an iterator in its own thread, at most `depth` items ahead of the consumer.

    Args:
        items: The iterable; it stops early when the returned generator is closed.
        depth: The maximum length of the queue.

    Yields:
        The same items in the same order. An exception of the iterator is raised here, after the
        items before it.
    """
    buffer: queue.Queue[object] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: object) -> bool:
        while not stop.is_set():
            try:
                buffer.put(item, timeout=_POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put(item):
                    break
            else:
                put(_END)
        except BaseException as error:
            put(_Raised(error))
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while (item := buffer.get()) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        with contextlib.suppress(queue.Empty):
            while True:  # empties the queue, so that the thread does not wait for room in it
                buffer.get_nowait()
        thread.join()


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error
