"""What figures of time and memory depend on."""

from __future__ import annotations

import platform
from pathlib import Path

from mien._cores import usable_cores

__all__ = ["machine", "peak_memory_mb"]


def machine() -> str:
    """Return cores and processor, such as `2 cores of an Intel(R) Xeon(R) Processor`."""
    name = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.exists():
        lines = described.read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        name = names[0] if names else name
    return f"{usable_cores()} cores of an {name}"


def peak_memory_mb() -> float:
    """Return the most memory that this process has had since it began its program, in MB.

    `getrusage` would count what the process was forked from, too.
    """
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/self/status names no VmHWM; this is measured on Linux")
