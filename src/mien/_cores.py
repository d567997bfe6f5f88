"""How many processor cores this process may use."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from pathlib import Path

__all__ = ["usable_cores"]

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Return the cores that this process may use, at least 1.

    The system's mask of cores counts, and in a Linux container its share of their time (cgroup v2,
    `cpu.max`): a machine of 32 cores that lends two is one of two cores.
    """
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
        with contextlib.suppress(OSError, ValueError):
            quota, period = _QUOTA.read_text().split()
            if quota != "max":
                cores = min(cores, math.ceil(int(quota) / int(period)))
    else:
        cores = os.cpu_count() or 1
    return max(cores, 1)
