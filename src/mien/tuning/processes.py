"""How the processes of a study are started."""

from __future__ import annotations

import multiprocessing
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

__all__ = ["process_context"]


def process_context() -> SpawnContext | ForkServerContext:
    """Return the context in which processes that train are started.

    On Linux they are copies of one process that has imported what a training needs, which takes
    seconds. Elsewhere each imports it: libraries of macOS do not outlive such a copy, and Windows
    has none.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["mien.tuning.worker"])
    return context
