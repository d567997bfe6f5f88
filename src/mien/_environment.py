"""What a report of a fault has to say of this installation, and nothing of its owner."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from mien._cores import usable_cores
from mien._hashing import file_sha256

__all__ = ["describe_environment"]

_ASSETS = Path(__file__).parent / "assets"
_CPU_INFO = Path("/proc/cpuinfo")
_FEATURES = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_tile", "asimd", "asimddp", "i8mm")
"""The instructions by which onnxruntime chooses how it computes."""


def describe_environment() -> dict[str, str]:
    """Return the versions, the processor and the hashes of the shipped networks, by their names.

    No value has a path, an address, or the name of a person or a machine.
    """
    return {
        "mien": importlib.metadata.version("mien"),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": _system(),
        "processor": _processor(),
        "cores": _cores(),
        **{f"package {name}": version for name, version in _packages().items()},
        **{f"model {path.name}": file_sha256(path) for path in sorted(_ASSETS.glob("*.onnx"))},
    }


def _system() -> str:
    # The rest of a release may name who built the kernel.
    numbers = re.match(r"[\d.]*\d", platform.release())
    name = f"{platform.system()} {numbers[0] if numbers else ''}".strip()
    libc = "".join(platform.libc_ver()) if sys.platform == "linux" else ""
    return ", ".join(filter(None, (name, platform.machine(), libc)))


def _processor() -> str:
    name, features = platform.processor(), ""
    if sys.platform == "linux" and _CPU_INFO.is_file():
        lines = (line.partition(":") for line in _CPU_INFO.read_text(errors="replace").splitlines())
        fields = {key.strip(): value.strip() for key, _, value in lines}
        name = fields.get("model name", name)
        flags = fields.get("flags", fields.get("Features", "")).split()
        features = " ".join(each for each in _FEATURES if each in flags)
    elif sys.platform == "darwin":
        asked = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False)  # noqa: S603
        name = said.stdout.strip() or name
    return ", ".join(filter(None, (name or "unknown", features)))


def _cores() -> str:
    return f"{usable_cores()} of {os.cpu_count()}"


def _packages() -> dict[str, str]:
    """Return the version of each declared package, of the run side and of all extras."""
    needed = importlib.metadata.requires("mien") or []
    names = sorted({re.split(r"[^\w.-]", each, maxsplit=1)[0] for each in needed} - {"mien"})
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions
